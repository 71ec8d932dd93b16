/** Carries out what a decision asks for: timers and messages, in the decision's own transaction. */
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { PAGE_OF_INSTANCES } from '#core/limits.js';
import type { PlannedVersion } from '#core/execution/execution.js';
import type { Request, RequestType, TimerKind } from '#core/execution/execution-requests.js';
import { ROLLBACK_VERSIONS_MAX } from '#contracts/work.messages.js';
import type {
  ExecutionTx,
  StoredExecution,
  StoredInstance,
} from './persistence/execution.store.js';
import { rollbackMessage, validateMessage, watchMessage } from './upgrade.outbox.js';

type RequestOf<Type extends RequestType> = Extract<Request, { type: Type }>;
type CarryOut = {
  readonly [Type in RequestType]: (
    tx: ExecutionTx,
    stored: StoredExecution,
    request: RequestOf<Type>,
  ) => Promise<void>;
};

/** The engine reads what it is to do from the execution itself; a commit wakes it. */
const readByEngine = (): Promise<void> => Promise.resolve();

const CARRY_OUT: CarryOut = {
  LIST_INSTANCES: readByEngine,
  COUNT_ROOM: readByEngine,
  ARM_TIMER: (tx, stored, { timer, atMs }) => tx.arm([{ ...timerKey(stored, timer), atMs }]),
  DISARM_TIMER: (tx, stored, { timer }) => tx.disarm([timerKey(stored, timer)]),
  RECORD_DEPLOYMENT: async (tx, stored, { currentVersionId, leftOver }) => {
    const { execution } = stored;
    await tx.recordDeployment({ execution, currentVersionId, leftOver });
    if (execution.startedAtMs === null) return;
    // What is written so is what the rows say; what is, is asked of the target at once.
    const atMs = execution.lastProgressAtMs;
    await tx.arm([{ ...timerKey(stored, 'OBSERVE'), atMs }]);
  },
  RUN_PRE_CHECKS: (tx, stored, { handOver }) =>
    tx.send([validateMessage(stored, { kind: 'PRE', handOver, page: 1, pages: 1, instances: [] })]),
  RUN_POST_CHECKS: async (tx, stored, { handOver, takesAll }) => {
    const pages = await pagesOf(tx, stored, false);
    const version = stored.execution.plan.to.version;
    for (const [at, instances] of pages.entries()) {
      const work = instances.map(({ index, instanceId: id }) => ({ index, id, version }));
      const page = { page: at + 1, pages: pages.length, instances: work };
      await tx.send([validateMessage(stored, { kind: 'POST', handOver, takesAll, ...page })]);
    }
  },
  WATCH_CANARIES: async (tx, stored, { handOver }) => {
    const pages = await pagesOf(tx, stored, true);
    const version = stored.execution.plan.to.version;
    for (const [at, instances] of pages.entries()) {
      const work = instances.map(({ index, instanceId: id }) => ({ index, id, version }));
      const page = { page: at + 1, pages: pages.length, instances: work };
      await tx.send([watchMessage(stored, { kind: 'WATCH', handOver, ...page })]);
    }
  },
  END_WATCH: (tx, stored, { handOver }) =>
    tx.send([watchMessage(stored, { kind: 'END', handOver, page: 1, pages: 1, instances: [] })]),
  EVEN_TRAFFIC: (tx, stored) => {
    const atMs = stored.execution.lastProgressAtMs;
    return tx.arm([{ ...timerKey(stored, 'EVEN_TRAFFIC'), atMs }]);
  },
  RECORD_STANDBY: (tx, { execution }, { standby }) => tx.recordStandby(execution, standby),
  ROLL_BACK: async (tx, stored, { handOver }) => {
    if (stored.execution.newSet !== null) {
      const page = { page: 1, pages: 1, instances: [] };
      await tx.send([rollbackMessage(stored, { kind: 'ROLL_BACK', handOver, ...page })]);
      return;
    }
    const pages = await pagesOf(tx, stored, true);
    const versions = await versionsBack(tx, stored, pages);
    for (const [at, instances] of pages.entries()) {
      const work = instances.map(({ index, instanceId: id, fromVersion: version }) => {
        return { index, id, version };
      });
      const page = { page: at + 1, pages: pages.length, instances: work };
      await tx.send([rollbackMessage(stored, { kind: 'ROLL_BACK', handOver, ...page }, versions)]);
    }
  },
  STOP_ROLLBACK: (tx, stored, { handOver }) =>
    tx.send([
      rollbackMessage(stored, { kind: 'STOP', handOver, page: 1, pages: 1, instances: [] }),
    ]),
};

/** Carries out what was asked for, in order; of several words about one timer the last counts. */
export async function carryOut(
  tx: ExecutionTx,
  stored: StoredExecution,
  requests: readonly Request[],
): Promise<void> {
  const lastOfTimer = new Map<TimerKind, Request>();
  for (const request of requests) if ('timer' in request) lastOfTimer.set(request.timer, request);
  for (const request of requests) {
    if ('timer' in request && lastOfTimer.get(request.timer) !== request) continue;
    await (CARRY_OUT[request.type] as CarryOut['LIST_INSTANCES'])(tx, stored, request as never);
  }
}

function timerKey({ execution }: StoredExecution, kind: TimerKind | 'OBSERVE') {
  return { shard: shardOf(execution.id, SHARDS), subject: execution.id, kind };
}

/** All instances of an execution, or those it has touched, in pages as they travel. */
async function pagesOf(
  tx: ExecutionTx,
  { execution }: StoredExecution,
  touchedOnly: boolean,
): Promise<StoredInstance[][]> {
  const pages: StoredInstance[][] = [];
  for (let afterIndex = -1; ;) {
    const limit = PAGE_OF_INSTANCES;
    const page = await tx.pageOfInstances(execution.id, { afterIndex, limit, touchedOnly });
    if (page.length > 0) pages.push(page);
    if (page.length < limit) return pages;
    afterIndex = page.at(-1)?.index ?? afterIndex;
  }
}

/**
 * The versions the instances came from, but for the execution's own, which the snapshot has: said
 * twice, they could make the message too large. A fleet that was mixed goes back to the mix.
 */
async function versionsBack(
  tx: ExecutionTx,
  { snapshot }: StoredExecution,
  pages: readonly (readonly StoredInstance[])[],
): Promise<PlannedVersion[]> {
  const known = [snapshot.from, snapshot.to];
  const others = new Set<string>();
  for (const { fromVersion } of pages.flat()) {
    const isKnown = known.some(({ version }) => version === fromVersion);
    if (fromVersion !== null && !isKnown) others.add(fromVersion);
  }
  const { componentId } = snapshot;
  return tx.plannedVersions(componentId, [...others].slice(0, ROLLBACK_VERSIONS_MAX));
}
