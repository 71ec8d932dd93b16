import type { FaultKind } from './simulated-faults.js';
import type { SimulatedInstance, SimulatedWorld } from './simulated-instance.js';
import type { ObservedInstance } from './target.driver.js';

/** What a look at a simulated instance shows. Pure but for the fault book, which counts looks. */

/**
 * Who looks. CHECK: a health check of named instances, counts as a happening of LIST and HEALTH
 * faults; LISTING: a page of all, counts as one of LIST faults; COUNT: counts as none.
 */
export type Look = 'CHECK' | 'LISTING' | 'COUNT';

/** What a look needs to know beside the row. */
export type Sight = Pick<SimulatedWorld, 'faults' | 'homeVersion' | 'liveSet'>;

/**
 * What a look shows of a settled row; null: it is not there (any more).
 */
export function observe(row: SimulatedInstance, world: Sight, as: Look): ObservedInstance | null {
  if (row.gone) return null;
  const { id, index } = row;
  const { faults } = world;
  const admitted = isAdmitted(row, world);
  if (faults.has('LIST')) {
    const how = as === 'COUNT' ? faults.lookNamed('LIST', index) : faults.takeNamed('LIST', index);
    const shown = how === null ? undefined : underFault(row, how, row.runs, world);
    if (shown !== undefined) return shown;
  }
  if (!row.up) {
    return { id, version: null, admitted, healthy: false, problem: whyDown(row) };
  }
  if (faults.has('HEALTH') && row.runs !== world.homeVersion) {
    const how = as === 'CHECK' ? faults.take('HEALTH', index) : faults.look('HEALTH', index);
    const left = row.cameFrom.at(-1) ?? world.homeVersion;
    const shown = how === null ? undefined : underFault(row, how, left, world);
    if (shown !== undefined) return shown;
  }
  return { id, version: row.runs, admitted, healthy: true, problem: null };
}

/** `lie`: the version a lying instance claims to run. */
function underFault(
  row: SimulatedInstance,
  how: FaultKind,
  lie: string | null,
  world: Sight,
): ObservedInstance | null {
  const { id } = row;
  const admitted = isAdmitted(row, world);
  switch (how) {
    case 'VANISH':
      return null;
    case 'LIE':
      return { id, version: lie, admitted, healthy: true, problem: null };
    case 'FAIL':
      return { id, version: row.runs, admitted, healthy: false, problem: 'says that it is unwell' };
    case 'HANG':
      return { id, version: null, admitted, healthy: false, problem: 'does not answer in time' };
    case 'NO_DATA':
      return {
        id,
        version: null,
        admitted,
        healthy: false,
        noData: true,
        problem: `reports nothing (expected ${world.homeVersion} or later)`,
      };
  }
}

/** New requests are routed to it: it was readmitted, and its set is the live one. */
function isAdmitted({ admitted, set }: SimulatedInstance, { liveSet }: Sight): boolean {
  return admitted && set === liveSet;
}

function whyDown({ operation, runs }: SimulatedInstance): string {
  if (operation?.verb === 'bring' && operation.state === 'RUNNING') {
    return `is being brought to ${operation.version ?? '?'}`;
  }
  return runs === null ? 'nothing was brought to it yet' : 'its process does not run';
}
