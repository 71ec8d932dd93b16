import type { ObservedInstance, TargetDriver } from '#targets/target.driver.js';
import type { Execution } from '#core/execution/execution.js';
import { APPEARED_NAMED_MAX } from '#core/limits.js';
import { ENGINE_LIMITS } from '../orchestrator-limits.js';
import type { EngineReads, RawReport } from '../upgrade-asked.runner.js';

export type FleetCompared = Extract<RawReport, { type: 'FLEET_COMPARED' }>;

export interface KnownChanges {
  /** Told before as having appeared. */
  readonly told: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/**
 * Compares what the target lists with what was taken in. Null: nothing that the execution does not
 * know. Throws what the driver and the store throw, and the reason of `signal` once it is aborted.
 */
export async function compareFleet(
  execution: Execution,
  driver: TargetDriver,
  store: Pick<EngineReads, 'instances'>,
  { told, signal }: KnownChanges,
): Promise<FleetCompared | null> {
  const { version: target } = execution.plan.to;
  // One that waits for its turn may be gone. Once none does, only who is elsewhere matters, and
  // that is nobody, mostly: then not even the rows are read.
  const isAnyWaiting = execution.counters.PENDING > 0;
  const listed = await listAll(driver, signal, ({ version }) => isAnyWaiting || version !== target);
  if (listed.size === 0 && !isAnyWaiting) return null;
  const rows = new Set<string>();
  const vanished: number[] = [];
  const limit = ENGINE_LIMITS.listPage;
  for (let afterIndex = -1; ;) {
    signal.throwIfAborted();
    const page = await store.instances(execution.id, { statuses: null, afterIndex, limit });
    for (const { index, instanceId, status } of page) {
      rows.add(instanceId);
      if (status === 'PENDING' && !listed.has(instanceId)) vanished.push(index);
    }
    if (page.length < limit) break;
    afterIndex = page.at(-1)?.index ?? afterIndex;
  }
  const appeared = takesAllThereAre(execution)
    ? newcomers(listed, target, (id) => rows.has(id) || told.has(id))
    : [];
  if (vanished.length === 0 && appeared.length === 0) return null;
  return { type: 'FLEET_COMPARED', handOver: execution.handOver, vanished, appeared };
}

/** Id → the version it reports, of those that matter. */
async function listAll(
  driver: TargetDriver,
  signal: AbortSignal,
  matters: (instance: ObservedInstance) => boolean,
): Promise<ReadonlyMap<string, string | null>> {
  const listed = new Map<string, string | null>();
  for (let cursor: string | null = null; ;) {
    const after: { cursor?: string } = cursor === null ? {} : { cursor };
    const page = await driver.list({ limit: ENGINE_LIMITS.listPage, ...after }, signal);
    signal.throwIfAborted();
    for (const one of page.instances) if (matters(one)) listed.set(one.id, one.version);
    if (page.nextCursor === null) return listed;
    cursor = page.nextCursor;
  }
}

/** Otherwise those that were left out at the listing could not be told from new ones. */
function takesAllThereAre({ plan, revertOf }: Execution): boolean {
  return plan.totalInstances === null && revertOf === null;
}

/** One on the target version may have been left out as already there. */
function newcomers(
  listed: ReadonlyMap<string, string | null>,
  version: string,
  isKnown: (id: string) => boolean,
): string[] {
  const unknown = [...listed].filter(([id, runs]) => runs !== version && !isKnown(id));
  return unknown.slice(0, APPEARED_NAMED_MAX + 1).map(([id]) => id);
}
