import type { ServiceDatabase, ServiceTx } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { Clock } from '#runtime/clock.js';
import { DeadLetters, deadLetterOf } from './dead-letters.js';
import { inboxKeyOf, type IncomingMessage } from './incoming-message.js';

/**
 * A service's dead letters: written into its outbox in one transaction with the inbox row, so that
 * a message that is delivered and buried again after a crash leaves one letter.
 */
export class OutboxDeadLetters extends DeadLetters {
  /** @param written told after the commit, to wake the relay */
  constructor(
    private readonly database: Pick<ServiceDatabase<ServiceTx>, 'transaction'>,
    private readonly clock: Clock,
    private readonly written: () => void = () => undefined,
  ) {
    super();
  }

  override async bury(message: IncomingMessage, reason: string): Promise<void> {
    const place = inboxKeyOf(message);
    const letter = deadLetterOf(message, reason, this.clock.nowMs());
    await this.database.transaction(async (tx) => {
      if ((await tx.admit([place])).size === 0) return;
      const { topic, key, headers } = letter;
      const shard = shardOf(key, SHARDS);
      await tx.send([
        { shard, topic, key, value: letter.value.toString(), ...(headers && { headers }) },
      ]);
    });
    this.written();
  }
}
