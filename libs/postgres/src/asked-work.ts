import type { ServiceTx } from './service-database.js';
import { SHARDS, shardOf } from './shard-of.js';
import type { ShardLeases } from './shard-leases.js';

/** One page of a question for work, as it was read. */
export interface Question<Command extends { readonly executionId: string }> {
  /** What the inbox remembers its message by. */
  readonly inboxKey: string;
  readonly command: Command;
}

/** A question that cannot be meant as it is: its message becomes a dead letter. */
export class ImpossibleQuestionError extends Error {
  override readonly name = 'ImpossibleQuestionError';
}

/** What a runner tells the rest of its process, after the commit and never before. */
export interface WorkEvents<Input, Decision> {
  /** Something was committed and may stand in the outbox. Must not throw. */
  readonly committed: () => void;
  /** There are questions about these executions: whoever drives them looks. Must not throw. */
  readonly asked: (executionIds: readonly string[]) => void;
  /** How an input was judged, for metrics and log. Must not throw. */
  readonly decided: (input: Input, decision: Decision) => void;
}

interface Taking<Tx extends ServiceTx> {
  readonly store: { transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> };
  readonly leases: Pick<ShardLeases, 'heldNow'>;
  readonly events: Pick<WorkEvents<never, never>, 'committed' | 'asked'>;
}

/**
 * Takes questions in their order, all in one transaction with their inbox rows; what was seen
 * before is passed over. Throws what `takeOne` throws, and TransientDatabaseError.
 *
 * @param takeOne whether it changed anything that the execution's driver has to know
 */
export async function takeQuestions<
  Tx extends ServiceTx,
  Command extends { readonly executionId: string },
>(
  { store, leases, events }: Taking<Tx>,
  questions: readonly Question<Command>[],
  takeOne: (tx: Tx, command: Command) => Promise<boolean>,
): Promise<void> {
  const changed = new Set<string>();
  await store.transaction(async (tx) => {
    changed.clear();
    const fresh = await tx.admit(questions.map(({ inboxKey }) => inboxKey));
    for (const { inboxKey, command } of questions) {
      // Of two in one batch with the same key the first counts.
      if (!fresh.delete(inboxKey)) continue;
      if (await takeOne(tx, command)) changed.add(command.executionId);
    }
    // Owners among the other replicas hear of it; the owner here is woken without a word.
    const own = new Set(leases.heldNow().map(({ shard }) => shard));
    await tx.tell([...changed].filter((id) => !own.has(shardOf(id, SHARDS))));
  });
  events.committed();
  if (changed.size > 0) events.asked([...changed]);
}
