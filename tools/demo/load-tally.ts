/** What the load has met: counts and latencies, without a clock of its own. */

/** How requests differ: on a kept connection, on a fresh one each, or long ones that are drained. */
export type RequestKind = 'kept' | 'fresh' | 'slow';

export interface Outcome {
  readonly kind: RequestKind;
  readonly tookMs: number;
  /** The version that answered; undefined: none did as it should. */
  readonly version?: string;
  /** What was wrong when none did. */
  readonly problem?: string;
  /** It was answered, by an instance that says itself that it has failed: no request was lost. */
  readonly isError?: boolean;
}

/** One request that was answered; times in ms since 1970. */
export interface Answered {
  /** Null: an error does not say whose it is. */
  readonly version: string | null;
  readonly beganAtMs: number;
  readonly atMs: number;
}

export interface LoadReading {
  readonly served: number;
  readonly dropped: number;
  /** Answered by an instance with an error of its own. */
  readonly errors: number;
  readonly perSecond: number;
  readonly byVersion: Readonly<Record<string, number>>;
  /** Answered within the last second, by version; an error does not say whose it is. */
  readonly recently: Readonly<Record<string, number>>;
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
/** Single answers are kept so long: what is measured of them is over by then. */
const ANSWERS_KEPT_MS = 60_000;

export class LoadTally {
  #served = 0;
  #dropped = 0;
  #errors = 0;
  #longestMs = 0;
  #longestSlowMs = 0;
  readonly #byVersion = new Map<string, number>();
  readonly #byKind = { kept: 0, fresh: 0, slow: 0 };
  readonly #problems: string[] = [];
  readonly #latencies = new Uint32Array(LATENCY_PLACES_MS + 1);
  /** In the order in which they came. */
  #answered: Answered[] = [];

  /** @param nowMs since 1970 */
  add(outcome: Outcome, nowMs: number): void {
    const { version = null, tookMs } = outcome;
    const isError = outcome.isError === true;
    if (version !== null || isError) {
      this.#answered.push({ version, beganAtMs: nowMs - tookMs, atMs: nowMs });
    }
    if (version !== null) this.#serve(outcome, version);
    else if (isError) this.#errors += 1;
    else this.#drop(outcome);
  }

  read(nowMs: number): LoadReading {
    const recent = this.since(nowMs - RATE_WINDOW_MS);
    return {
      served: this.#served,
      dropped: this.#dropped,
      errors: this.#errors,
      perSecond: recent.length,
      byVersion: inOrder(this.#byVersion),
      recently: countByVersion(recent),
      byKind: { ...this.#byKind },
      longestMs: this.#longestMs,
      medianMs: this.#median(),
      longestSlowMs: this.#longestSlowMs,
      problems: [...this.#problems],
    };
  }

  /** What was answered after this moment (ms since 1970), up to a minute back, in its order. */
  since(fromMs: number): readonly Answered[] {
    const last = this.#answered.at(-1)?.atMs ?? 0;
    const oldest = this.#answered[0]?.atMs ?? 0;
    // Cleared a minute at a time: for each answer anew it would cost more than the load itself.
    if (oldest < last - 2 * ANSWERS_KEPT_MS) {
      this.#answered = this.#answered.filter(({ atMs }) => atMs >= last - ANSWERS_KEPT_MS);
    }
    const first = this.#answered.findLastIndex(({ atMs }) => atMs <= fromMs) + 1;
    return this.#answered.slice(first);
  }

  #serve({ kind, tookMs }: Outcome, version: string): void {
    this.#served += 1;
    this.#byKind[kind] += 1;
    this.#byVersion.set(version, (this.#byVersion.get(version) ?? 0) + 1);
    if (kind === 'slow') {
      this.#longestSlowMs = Math.max(this.#longestSlowMs, tookMs);
      return;
    }
    this.#longestMs = Math.max(this.#longestMs, tookMs);
    const place = Math.min(LATENCY_PLACES_MS, Math.round(tookMs));
    this.#latencies[place] = (this.#latencies[place] ?? 0) + 1;
  }

  #drop({ kind, problem }: Outcome): void {
    this.#dropped += 1;
    if (this.#problems.length < PROBLEMS_KEPT) {
      this.#problems.push(`${kind}: ${problem ?? 'no answer'}`);
    }
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

/** How many each version answered; those that do not say are `errors`, the last. */
export function countByVersion(answered: readonly Answered[]): Record<string, number> {
  const counts = new Map<string, number>();
  let errors = 0;
  for (const { version } of answered) {
    if (version === null) errors += 1;
    else counts.set(version, (counts.get(version) ?? 0) + 1);
  }
  return { ...inOrder(counts), ...(errors > 0 ? { errors } : {}) };
}

function inOrder(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => a.localeCompare(b)));
}
