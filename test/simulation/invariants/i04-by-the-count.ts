import type { Execution } from '#core/execution/execution.js';
import { underWay } from '#core/execution/execution.js';
import type { Fact } from '#core/execution/execution-facts.js';
import {
  INSTANCES,
  type MemoryInstanceRow,
  type MemoryRollbackRow,
  ROLLBACKS,
} from '../../../apps/rollback-agent/src/persistence/rollback-tx.memory.store.js';
import type { ServiceName } from '../simulated-process.js';
import type { Ground, Invariant, SeenAnswer, SeenCommit, SeenExecution } from './invariant.js';
import { isSince } from './service-time.js';

/** Written down a second time, from the spec. */
export const COUNT_MAX_AGE_MS = 5_000;
/** What was listed as down is taken for down so long. */
const LISTED_WITHIN_MS = 60_000;

/**
 * In the very commit that takes healthy instances: some count that the target itself gave lately
 * has room for them, beside all that are down by it and all that are down by us.
 */
export const byTheCount: Invariant = {
  id: 'I4',
  says: 'healthy instances are taken by a count of the target that has room for them',
  watch: (ground) => {
    const counts = new Counts();
    return {
      answered: (answer) => {
        counts.add(answer, ground.world.nowMs());
      },
      committed: (commit) => {
        for (const seen of commit.executions) checkBatch(ground, seen, counts);
        if (commit.service === 'rollback-agent') checkRollback(ground, commit, counts);
      },
    };
  },
};

interface Counted {
  readonly count: number;
  readonly atMs: number;
}

/** How many were down by what a target has told a service, and when. */
class Counts {
  readonly #told = new Map<string, Counted[]>();
  /** Of an execution: those that were counted among the others, and are ours since. */
  readonly #ours = new Map<string, Counted[]>();
  /** When an instance was last listed to a service as one that is down. */
  readonly #down = new Map<string, number>();

  add(answer: SeenAnswer, atMs: number): void {
    const by = `${answer.service} ${answer.fleet}`;
    if (answer.to === 'ROOM') push(this.#told, by, { count: answer.down, atMs });
    if (answer.to !== 'LIST') return;
    for (const { id, admitted, healthy } of answer.instances) {
      if (admitted && healthy) this.#down.delete(`${by} ${id}`);
      else this.#down.set(`${by} ${id}`, atMs);
    }
  }

  /** What was listed as down lately needs no room to be taken. */
  wasDown(service: ServiceName, fleet: string, instanceId: string, nowMs: number): boolean {
    const atMs = this.#down.get(`${service} ${fleet} ${instanceId}`) ?? -Infinity;
    return atMs >= nowMs - LISTED_WITHIN_MS;
  }

  becameOurs(executionId: string, count: number, atMs: number): void {
    if (count > 0) push(this.#ours, executionId, { count, atMs });
  }

  /**
   * The fewest others that were down by a count that was fresh when it was decided by; Infinity:
   * nobody has counted. The commit itself may be slow.
   *
   * @param decidedAtMs by the service's time
   */
  fewest(service: ServiceName, execution: Execution, decidedAtMs: number): number {
    const { id, tenantId, componentId } = execution;
    const told = this.#told.get(`${service} ${tenantId}/${componentId}`) ?? [];
    const ours = this.#ours.get(id) ?? [];
    const lately = told.filter(({ atMs }) => isSince(atMs, decidedAtMs - COUNT_MAX_AGE_MS));
    const others = lately.map(({ count, atMs }) => {
      return ours.reduce((left, one) => (one.atMs >= atMs ? left - one.count : left), count);
    });
    return Math.max(0, Math.min(Infinity, ...others));
  }
}

function push(all: Map<string, Counted[]>, key: string, one: Counted): void {
  const there = all.get(key);
  if (there === undefined) all.set(key, [one]);
  else there.push(one);
}

/** In words. */
function countOf(others: number): string {
  return others === Infinity ? 'uncounted' : String(others);
}

function roomOf(listed: number, maxUnavailablePercentage: number): number {
  return Math.max(1, Math.floor((listed * maxUnavailablePercentage) / 100));
}

/** Those that were down go first, and need no room. */
export function takesHealthy(fact: Fact): boolean {
  if (fact.type !== 'INSTANCES_MOVED' || fact.from !== 'PENDING') return false;
  return fact.to !== 'FAILED' && !fact.why.includes('goes first');
}

function checkBatch({ must, world }: Ground, seen: SeenExecution, counts: Counts): void {
  const { id, before, after, facts } = seen;
  const { strategy, newSet, maxUnavailablePercentage } = after.plan;
  if (before === null || strategy === 'RECREATE' || newSet !== null) return;
  let [healthy, down, gone] = [0, 0, 0];
  for (const fact of facts) {
    if (fact.type !== 'INSTANCES_MOVED' || fact.from !== 'PENDING') continue;
    if (fact.to === 'FAILED') gone += fact.count;
    else if (takesHealthy(fact)) healthy += fact.count;
    else down += fact.count;
  }
  const nowMs = world.nowMs();
  counts.becameOurs(id, down + gone, nowMs);
  const [first] = facts.filter(takesHealthy);
  if (first === undefined) return;
  const others = counts.fewest('orchestrator', after, first.atMs);
  const { counters, listed } = after;
  const ours = underWay(counters) + counters.FAILED;
  const room = roomOf(listed, maxUnavailablePercentage);
  must(others + ours <= room, () => {
    const are = `${countOf(others)} others and ${String(ours)} of ours`;
    return `${id} takes ${String(healthy)}: ${are} are down, room for ${String(room)}`;
  });
}

function checkRollback({ must, world }: Ground, { changes }: SeenCommit, counts: Counts): void {
  const taken = new Map<string, { readonly ids: string[]; readonly atMs: number }>();
  for (const { table, before, after } of changes) {
    if (table !== INSTANCES || before === undefined || after === undefined) continue;
    const [was, is] = [before as MemoryInstanceRow, after as MemoryInstanceRow];
    if (was.status === 'UP' && is.status === 'DRAINING') {
      taken.set(is.of, {
        ids: [...(taken.get(is.of)?.ids ?? []), is.instanceId],
        atMs: is.sinceMs,
      });
    }
  }
  const nowMs = world.nowMs();
  for (const [of, { ids, atMs }] of taken) {
    const { rows } = world.database('rollback-agent').store.table(ROLLBACKS);
    const { work } = rows.get(of) as MemoryRollbackRow;
    const execution = world.execution(work.executionId);
    if (work.ignoresRoom || execution === null) continue;
    const fleet = `${execution.tenantId}/${execution.componentId}`;
    // One that fell is seen down and taken for that in one commit: its rows show the two as one.
    const up = ids.filter((id) => !counts.wasDown('rollback-agent', fleet, id, nowMs));
    const count = up.length;
    if (count === 0) continue;
    const others = counts.fewest('rollback-agent', execution, atMs);
    const room = roomOf(work.listed, work.maxUnavailablePercentage);
    must(others + count <= room, () => {
      return `${of} takes ${String(count)}: ${countOf(others)} are down, room for ${String(room)}`;
    });
  }
}
