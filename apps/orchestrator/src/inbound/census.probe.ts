import type { TargetDriver } from '#targets/target.driver.js';
import { ENGINE_LIMITS } from '../orchestrator-limits.js';
import { UNKNOWN_VERSION, type Census } from '../tidying.runner.js';

/** Counts what a target says that it runs, and names the sets that stand beside the live one. */
export async function takeCensus(driver: TargetDriver, signal: AbortSignal): Promise<Census> {
  const versions: Record<string, number> = {};
  for (let cursor: string | null = null; ;) {
    const after: { cursor?: string } = cursor === null ? {} : { cursor };
    const page = await driver.list({ limit: ENGINE_LIMITS.listPage, ...after }, signal);
    for (const { version } of page.instances) {
      const seen = version ?? UNKNOWN_VERSION;
      versions[seen] = (versions[seen] ?? 0) + 1;
    }
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  const { sets: canHaveSets } = await driver.capabilities(signal);
  const sets = canHaveSets ? await driver.sets(signal) : [];
  return { versions, standing: sets.filter(({ live }) => !live).map(({ name }) => name) };
}
