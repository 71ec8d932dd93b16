/** What a rollback says, as the message that is sent. */
import type { RollbackSaying, RollbackWork, SettledInstances } from '#core/rollback/rollback.js';
import { envelope, SOURCES } from '#contracts/envelope.js';
import { TOPICS } from '#contracts/topics.js';
import { ROLLED_BACK_TYPE, type RollbackResult } from '#contracts/work.messages.js';
import type { OutgoingMessage } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';

/** A result's id carries its number, so it is the same however often the result is made. */
export function resultMessage(
  { executionId, handOver, commandId }: RollbackWork,
  { number, state, setsRestored, setLeftOver }: RollbackSaying,
  settled: SettledInstances,
  timeMs: number,
): OutgoingMessage {
  const data: RollbackResult['data'] = {
    ...{ executionId, commandId, handOver, state, setsRestored },
    restored: [...settled.restored],
    leftOver: [...settled.leftOver, ...(setLeftOver === null ? [] : [setLeftOver])].map((one) => {
      return { ...one };
    }),
  };
  const id = ['rollback', executionId, handOver, number].join('/');
  const source = SOURCES.rollbackAgent;
  const head = { id, source, type: ROLLED_BACK_TYPE, subject: executionId, timeMs };
  return {
    shard: shardOf(executionId, SHARDS),
    topic: TOPICS.rollbackResults,
    key: executionId,
    value: JSON.stringify(envelope(head, data)),
  };
}
