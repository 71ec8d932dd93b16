import { actionsOf } from './i13-who-did-what.js';
import type { Invariant, SeenExecution, Ground } from './invariant.js';

/** Out of ROLLING_BACK there are three ways, and each says how the fleet stands. */
export const rollbackEnds: Invariant = {
  id: 'I7',
  says: 'a rollback ends ROLLED_BACK, FAILED with what is left over, or CANCELLED by force',
  watch: (ground) => {
    const forced = new Set<string>();
    return {
      committed: (commit) => {
        for (const { executionId, action, force } of actionsOf(commit)) {
          if (action === 'CANCEL' && force) forced.add(executionId);
        }
        for (const seen of commit.executions) {
          const wasBack = seen.before?.status === 'ROLLING_BACK';
          const begins = seen.facts.some((fact) => {
            return fact.type === 'STATUS_CHANGED' && fact.to === 'ROLLING_BACK';
          });
          if (wasBack || begins) checkEnd(ground, seen, forced);
        }
      },
    };
  },
};

function checkEnd(
  { must }: Ground,
  { id, after, instancesAfter }: SeenExecution,
  forced: ReadonlySet<string>,
): void {
  const { status, rollback, newSet, failureReason } = after;
  const out = instancesAfter.filter((one) => {
    return one.status !== 'PENDING' && one.status !== 'ROLLED_BACK';
  });
  const names = new Set(out.map(({ instanceId }) => instanceId));
  // Whoever is out and not named has its row to say so, and the answers name it by that.
  const unduly = (rollback?.leftOver ?? []).filter(({ instanceId }) => !names.has(instanceId));
  const isLeft = newSet !== null || out.length > 0;
  switch (status) {
    case 'ROLLED_BACK':
      must(out.length === 0, () => `${id} is ROLLED_BACK, and ${[...names].join(' ')} are not`);
      return;
    case 'FAILED':
      must(failureReason !== null, () => `${id}: the rollback FAILED and does not say why`);
      must(isLeft, () => `${id}: the rollback FAILED, and nothing is left over`);
      must(newSet !== null || unduly.length === 0, () => `${id} names one that is back`);
      return;
    case 'CANCELLED':
      must(forced.has(id), () => `${id}: the rollback is CANCELLED, and nobody has forced it`);
      must(failureReason !== null, () => `${id}: the rollback was CANCELLED, it does not say why`);
      return;
    case 'ROLLING_BACK':
      return;
    default:
      must(false, () => `${id}: a rollback came to ${status}`);
  }
}
