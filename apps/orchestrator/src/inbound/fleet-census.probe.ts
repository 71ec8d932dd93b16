import type { TargetDriver } from '#targets/target.driver.js';
import type { Execution } from '#core/execution/execution.js';
import { APPEARED_NAMED_MAX } from '#core/limits.js';
import { ENGINE_LIMITS } from '../orchestrator-limits.js';
import type { EngineReads, RawReport } from '../upgrade-asked.runner.js';

/**
 * Compares what the target lists with what was taken in: asked for only when the target's count
 * says that somebody has changed the fleet. Null: nothing that the execution does not know.
 */
export async function compareFleet(
  execution: Execution,
  driver: TargetDriver,
  store: Pick<EngineReads, 'instances'>,
): Promise<RawReport | null> {
  const listed = await listAll(driver);
  const rows = new Set<string>();
  const vanished: number[] = [];
  const limit = ENGINE_LIMITS.listPage;
  for (let afterIndex = -1; ;) {
    const page = await store.instances(execution.id, { statuses: null, afterIndex, limit });
    for (const { index, instanceId, status } of page) {
      rows.add(instanceId);
      if (status === 'PENDING' && !listed.has(instanceId)) vanished.push(index);
    }
    if (page.length < limit) break;
    afterIndex = page.at(-1)?.index ?? afterIndex;
  }
  const appeared = takesAllThereAre(execution)
    ? newcomers(listed, rows, execution.plan.to.version)
    : [];
  if (vanished.length === 0 && appeared.length === 0) return null;
  return { type: 'FLEET_COMPARED', handOver: execution.handOver, vanished, appeared };
}

/** Id → the version it reports. */
async function listAll(driver: TargetDriver): Promise<ReadonlyMap<string, string | null>> {
  const listed = new Map<string, string | null>();
  for (let cursor: string | null = null; ;) {
    const after: { cursor?: string } = cursor === null ? {} : { cursor };
    const page = await driver.list({ limit: ENGINE_LIMITS.listPage, ...after });
    for (const { id, version } of page.instances) listed.set(id, version);
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
  rows: ReadonlySet<string>,
  version: string,
): string[] {
  const unknown = [...listed].filter(([id, runs]) => !rows.has(id) && runs !== version);
  return unknown.slice(0, APPEARED_NAMED_MAX + 1).map(([id]) => id);
}
