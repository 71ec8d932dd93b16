import { z } from 'zod';
import { SIMULATED_LIMITS } from './target-limits.js';

/** Where a fault of a simulated fleet bites. ROLLBACK: a bring back to a version it came from. */
export const FAULT_PLACES = [
  'LIST',
  'DRAIN',
  'BRING',
  'HEALTH',
  'ROLLBACK',
  'SWITCH',
  'METRICS',
] as const;
/** What happens there. */
export const FAULT_KINDS = ['FAIL', 'HANG', 'LIE', 'VANISH', 'NO_DATA'] as const;

/** A metric that lies is the setting of another value; it does not vanish but gives no data. */
const METRICS_FAULTS: readonly FaultKind[] = ['FAIL', 'HANG', 'NO_DATA'];

export type FaultPlace = (typeof FAULT_PLACES)[number];
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault as it stands in a deployment's settings and in `PUT …/faults` (spec §8). */
export const SimulatedFault = z
  .strictObject({
    instance: z
      .number()
      .int()
      .min(0)
      .max(SIMULATED_LIMITS.instancesMax - 1)
      .optional()
      .describe('Index in the order of ids of its set, from 0; left out: all instances'),
    on: z.enum(FAULT_PLACES),
    how: z.enum(FAULT_KINDS),
    times: z
      .number()
      .int()
      .min(1)
      .max(SIMULATED_LIMITS.faultTimesMax)
      .optional()
      .describe('How often it happens in all; left out: always'),
  })
  .refine(({ on, how }) => on !== 'METRICS' || METRICS_FAULTS.includes(how), {
    path: ['how'],
    message: `of METRICS one of ${METRICS_FAULTS.join(', ')}`,
  })
  .meta({ id: 'SimulatedFault' });

export type SimulatedFault = z.infer<typeof SimulatedFault>;

export const SimulatedFaults = z.array(SimulatedFault).max(SIMULATED_LIMITS.faultsMax);

/**
 * The faults of one fleet together with how often each has happened. The only thing the rules of
 * a simulated fleet change in place; a store keeps `spent` with the fleet.
 */
export class FaultBook {
  /** By place, so that the common case, no faults there, costs one look. */
  readonly #at = new Map<FaultPlace, number[]>();
  readonly faults: readonly SimulatedFault[];
  /** How often each fault has happened, in the order of `faults`. */
  readonly spent: number[];
  #hasChanged = false;

  constructor(faults: readonly SimulatedFault[], spent: readonly number[] = []) {
    this.faults = faults;
    this.spent = faults.map((_, position) => spent[position] ?? 0);
    faults.forEach((fault, position) => {
      const there = this.#at.get(fault.on) ?? [];
      this.#at.set(fault.on, [...there, position]);
    });
  }

  /** Whether `spent` differs from what was handed in. */
  get hasChanged(): boolean {
    return this.#hasChanged;
  }

  has(place: FaultPlace): boolean {
    return this.#at.has(place);
  }

  /** The fault that bites this instance now, without counting it; null: none. */
  look(place: FaultPlace, index: number): FaultKind | null {
    return this.#kindOf(this.#find(place, (at) => at === undefined || at === index));
  }

  /** As `look`, and counts it as having happened. */
  take(place: FaultPlace, index: number): FaultKind | null {
    return this.#count(this.#find(place, (at) => at === undefined || at === index));
  }

  /** As `look`, but only faults that name this very instance. */
  lookNamed(place: FaultPlace, index: number): FaultKind | null {
    return this.#kindOf(this.#find(place, (at) => at === index));
  }

  /** As `take`, but only faults that name this very instance. */
  takeNamed(place: FaultPlace, index: number): FaultKind | null {
    return this.#count(this.#find(place, (at) => at === index));
  }

  /** As `look`, but only faults that name no instance: what happens to the call as a whole. */
  lookWhole(place: FaultPlace): FaultKind | null {
    return this.#kindOf(this.#find(place, (at) => at === undefined));
  }

  /** As `take`, but only faults that name no instance. */
  takeWhole(place: FaultPlace): FaultKind | null {
    return this.#count(this.#find(place, (at) => at === undefined));
  }

  #find(place: FaultPlace, concerns: (at: number | undefined) => boolean): number | null {
    for (const position of this.#at.get(place) ?? NOWHERE) {
      const fault = this.faults[position];
      if (fault === undefined || !concerns(fault.instance)) continue;
      if (fault.times === undefined || (this.spent[position] ?? 0) < fault.times) return position;
    }
    return null;
  }

  #kindOf(position: number | null): FaultKind | null {
    return position === null ? null : (this.faults[position]?.how ?? null);
  }

  #count(position: number | null): FaultKind | null {
    if (position !== null && this.faults[position]?.times !== undefined) {
      this.spent[position] = (this.spent[position] ?? 0) + 1;
      this.#hasChanged = true;
    }
    return this.#kindOf(position);
  }
}

const NOWHERE: readonly number[] = [];
