import type { Execution } from '#core/execution/execution.js';
import { underWay } from '#core/execution/execution.js';
import {
  INSTANCES,
  type MemoryInstanceRow,
  type MemoryRollbackRow,
  ROLLBACKS,
} from '../../../apps/rollback-agent/src/persistence/rollback-tx.memory.store.js';
import type { ServiceName } from '../simulated-process.js';
import type { Ground, Invariant, SeenAnswer, SeenCommit, SeenExecution } from './invariant.js';

/** A count is believed for 5 s; the commit that goes by it may be slow. */
const COUNTED_WITHIN_MS = 60_000;

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

  add(answer: SeenAnswer, atMs: number): void {
    if (answer.to !== 'ROOM') return;
    push(this.#told, `${answer.service} ${answer.fleet}`, { count: answer.down, atMs });
  }

  becameOurs(executionId: string, count: number, atMs: number): void {
    if (count > 0) push(this.#ours, executionId, { count, atMs });
  }

  /** The fewest others that were down by a count of lately; Infinity: nobody has counted. */
  fewest(service: ServiceName, execution: Execution, nowMs: number): number {
    const { id, tenantId, componentId } = execution;
    const told = this.#told.get(`${service} ${tenantId}/${componentId}`) ?? [];
    const ours = this.#ours.get(id) ?? [];
    const lately = told.filter(({ atMs }) => atMs >= nowMs - COUNTED_WITHIN_MS);
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

function roomOf(listed: number, maxUnavailablePercentage: number): number {
  return Math.max(1, Math.floor((listed * maxUnavailablePercentage) / 100));
}

function checkBatch({ must, world }: Ground, seen: SeenExecution, counts: Counts): void {
  const { id, before, after, facts } = seen;
  const { strategy, newSet, maxUnavailablePercentage } = after.plan;
  if (before === null || strategy === 'RECREATE' || newSet !== null) return;
  let [healthy, down, gone] = [0, 0, 0];
  for (const fact of facts) {
    if (fact.type !== 'INSTANCES_MOVED' || fact.from !== 'PENDING') continue;
    if (fact.to === 'FAILED') gone += fact.count;
    else if (fact.why.includes('goes first')) down += fact.count;
    else healthy += fact.count;
  }
  const nowMs = world.nowMs();
  counts.becameOurs(id, down + gone, nowMs);
  if (healthy === 0) return;
  const others = counts.fewest('orchestrator', after, nowMs);
  const { counters, listed } = after;
  const ours = underWay(counters) + counters.FAILED;
  const room = roomOf(listed, maxUnavailablePercentage);
  must(others + ours <= room, () => {
    const are = `${String(others)} others and ${String(ours)} of ours`;
    return `${id} takes ${String(healthy)}: ${are} are down, room for ${String(room)}`;
  });
}

function checkRollback({ must, world }: Ground, { changes }: SeenCommit, counts: Counts): void {
  const taken = new Map<string, number>();
  for (const { table, before, after } of changes) {
    if (table !== INSTANCES || before === undefined || after === undefined) continue;
    const [was, is] = [before as MemoryInstanceRow, after as MemoryInstanceRow];
    if (was.status === 'UP' && is.status === 'DRAINING') {
      taken.set(is.of, (taken.get(is.of) ?? 0) + 1);
    }
  }
  for (const [of, count] of taken) {
    const { rows } = world.database('rollback-agent').store.table(ROLLBACKS);
    const { work } = rows.get(of) as MemoryRollbackRow;
    const execution = world.execution(work.executionId);
    if (work.ignoresRoom || execution === null) continue;
    const others = counts.fewest('rollback-agent', execution, world.nowMs());
    const room = roomOf(work.listed, work.maxUnavailablePercentage);
    must(others + count <= room, () => {
      return `${of} takes ${String(count)}: ${String(others)} are down, room for ${String(room)}`;
    });
  }
}
