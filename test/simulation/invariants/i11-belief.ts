import { STEPS } from '#core/execution/execution.js';
import { INBOX } from '#postgres/memory-tx.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { Ground, Invariant, SeenCommit, SeenExecution } from './invariant.js';

const WORK: readonly string[] = ['validations', 'watches', 'rollbacks'];

/** Who owns it says so before he writes, and nobody takes himself for the owner for too long. */
export const ownersProve: Invariant = {
  id: 'I11',
  says: 'what only an owner does is committed under its lease, and no lease is believed when over',
  watch: (ground) => ({
    believed: (owner, overForMs) => {
      ground.must(false, () => `${owner} believed in leases over for ${String(overForMs)} ms`);
    },
    committed: (commit) => {
      for (const seen of commit.executions) {
        if (isOfTheEngine(seen)) checkProven(ground, commit, seen.id);
      }
      // A question is taken in by whoever reads it; all else is its owner's.
      if (commit.changes.some(({ table }) => table === INBOX)) return;
      for (const { table, key, after } of commit.changes) {
        if (WORK.includes(table) && after !== undefined) checkProven(ground, commit, key);
      }
    },
  }),
};

/** Only the engine hears of a step's end. */
function isOfTheEngine({ facts }: SeenExecution): boolean {
  return facts.some((fact) => {
    if (fact.type !== 'INSTANCES_MOVED' || fact.to === 'ROLLED_BACK') return false;
    return (STEPS as readonly string[]).includes(fact.from);
  });
}

/** @param key begins with the execution's id */
function checkProven({ must }: Ground, { owner, leases }: SeenCommit, key: string): void {
  const shard = shardOf(key.slice(0, UUID_CHARS), SHARDS);
  const isProven = leases.some((lease) => lease.shard === shard);
  must(isProven, () => `${owner} went on with ${key} and has not proved to own it`);
}

const UUID_CHARS = 36;
