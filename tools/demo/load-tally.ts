/** What the load has met: counts and latencies, without a clock of its own. */

/** How requests differ: on a kept connection, on a fresh one each, or long ones that are drained. */
export type RequestKind = 'kept' | 'fresh' | 'slow';

export interface Outcome {
  readonly kind: RequestKind;
  readonly tookMs: number;
  /** The version that answered; undefined: dropped. */
  readonly version?: string;
  /** What was wrong with a dropped one. */
  readonly problem?: string;
}

export interface LoadReading {
  readonly served: number;
  readonly dropped: number;
  readonly perSecond: number;
  readonly byVersion: Readonly<Record<string, number>>;
  readonly byKind: Readonly<Record<RequestKind, number>>;
  /** Of requests that ask for no delay. */
  readonly longestMs: number;
  readonly medianMs: number;
  readonly longestSlowMs: number;
  /** The first few, for whoever has to find out. */
  readonly problems: readonly string[];
}

const PROBLEMS_KEPT = 5;
/** Latencies are counted in whole milliseconds up to here; longer ones share the last place. */
const LATENCY_PLACES_MS = 10_000;
const RATE_WINDOW_MS = 1_000;

export class LoadTally {
  #served = 0;
  #dropped = 0;
  #longestMs = 0;
  #longestSlowMs = 0;
  readonly #byVersion = new Map<string, number>();
  readonly #byKind = { kept: 0, fresh: 0, slow: 0 };
  readonly #problems: string[] = [];
  readonly #latencies = new Uint32Array(LATENCY_PLACES_MS + 1);
  #recentMs: number[] = [];

  add(outcome: Outcome, nowMs: number): void {
    if (outcome.version === undefined) {
      this.#dropped += 1;
      if (this.#problems.length < PROBLEMS_KEPT) {
        this.#problems.push(`${outcome.kind}: ${outcome.problem ?? 'no answer'}`);
      }
      return;
    }
    this.#served += 1;
    this.#byKind[outcome.kind] += 1;
    this.#byVersion.set(outcome.version, (this.#byVersion.get(outcome.version) ?? 0) + 1);
    this.#recentMs.push(nowMs);
    if (outcome.kind === 'slow') {
      this.#longestSlowMs = Math.max(this.#longestSlowMs, outcome.tookMs);
      return;
    }
    this.#longestMs = Math.max(this.#longestMs, outcome.tookMs);
    const place = Math.min(LATENCY_PLACES_MS, Math.round(outcome.tookMs));
    this.#latencies[place] = (this.#latencies[place] ?? 0) + 1;
  }

  read(nowMs: number): LoadReading {
    this.#recentMs = this.#recentMs.filter((atMs) => nowMs - atMs < RATE_WINDOW_MS);
    return {
      served: this.#served,
      dropped: this.#dropped,
      perSecond: this.#recentMs.length,
      byVersion: Object.fromEntries([...this.#byVersion].sort(([a], [b]) => a.localeCompare(b))),
      byKind: { ...this.#byKind },
      longestMs: this.#longestMs,
      medianMs: this.#median(),
      longestSlowMs: this.#longestSlowMs,
      problems: [...this.#problems],
    };
  }

  #median(): number {
    const half = this.#latencies.reduce((sum, count) => sum + count, 0) / 2;
    let below = 0;
    for (const [ms, count] of this.#latencies.entries()) {
      below += count;
      if (below > 0 && below >= half) return ms;
    }
    return 0;
  }
}
