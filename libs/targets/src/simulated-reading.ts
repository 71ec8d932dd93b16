import type { FleetWork } from './simulated-fleet.store.js';
import {
  settle,
  vanish,
  type SimulatedInstance,
  type SimulatedWorld,
} from './simulated-instance.js';
import { observe, type Look } from './simulated-look.js';
import type { SimulatedSettings } from './simulated-settings.js';
import type { ObservedInstance } from './target.driver.js';

/** What a whole call to a simulated fleet comes to, under the faults that name no instance. */
export type Reading<T> = { readonly answer: T } | { readonly fault: 'FAIL' | 'HANG' };

export interface SeenRow {
  readonly id: string;
  readonly set: string;
  /** Null: it is not there (any more). */
  readonly seen: ObservedInstance | null;
}

/** NOTHING: the fleet answers that it has no instances, which a fault makes it say. */
export function readInstances(
  given: FleetWork,
  world: SimulatedWorld,
  as: Look,
): Reading<readonly SeenRow[] | 'NOTHING'> {
  const { faults } = given;
  const whole = as === 'COUNT' ? faults.lookWhole('LIST') : faults.takeWhole('LIST');
  if (whole === 'FAIL' || whole === 'HANG') return { fault: whole };
  if (whole === 'NO_DATA') return { answer: 'NOTHING' };
  const answer: SeenRow[] = [];
  for (const before of given.rows) {
    if (before === undefined || before.gone) continue;
    const row = settle(before, given.nowMs);
    const seen = whole === 'VANISH' ? null : observe(row, world, as);
    // What is once seen to be gone stays away.
    if (seen === null && as !== 'COUNT') given.put(vanish(row));
    const { id, set } = row;
    answer.push({ id, set, seen: whole === 'LIE' ? asIfUp(row, world) : seen });
  }
  return { answer };
}

/** The metric over the rows that answer; null: none does, or there is no such metric. */
export function readMetric(
  metric: SimulatedSettings['metrics'][string] | undefined,
  given: FleetWork,
  world: SimulatedWorld,
): Reading<number | null> {
  const whole = given.faults.takeWhole('METRICS');
  if (whole === 'FAIL' || whole === 'HANG') return { fault: whole };
  if (whole !== null || metric === undefined) return { answer: null };
  let sum = 0;
  let count = 0;
  for (const before of given.rows) {
    if (before === undefined) continue;
    const row = settle(before, given.nowMs);
    const isSilent = given.faults.takeNamed('METRICS', row.index) !== null;
    const seen = observe(row, world, 'COUNT');
    const value = typeof metric === 'number' ? metric : metricOf(metric, row.runs);
    if (isSilent || seen === null || seen.version === null || value === null) continue;
    sum += value;
    count += 1;
  }
  return { answer: count === 0 ? null : sum / count };
}

function metricOf(byVersion: Readonly<Record<string, number>>, version: string | null) {
  if (version === null || !Object.hasOwn(byVersion, version)) return null;
  return byVersion[version] ?? null;
}

export function isDown(seen: ObservedInstance | null): boolean {
  return seen !== null && !(seen.admitted && seen.healthy);
}

export function seenOf(rows: readonly SeenRow[], downOnly: boolean): ObservedInstance[] {
  const all: ObservedInstance[] = [];
  for (const { seen } of rows) if (seen !== null && (!downOnly || isDown(seen))) all.push(seen);
  return all;
}

/** A fleet that lies claims of every instance what was last asked of it. */
function asIfUp(row: SimulatedInstance, { liveSet }: SimulatedWorld): ObservedInstance {
  const version = row.operation?.version ?? row.runs;
  return { id: row.id, version, admitted: row.set === liveSet, healthy: true, problem: null };
}
