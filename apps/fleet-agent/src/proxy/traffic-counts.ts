/** The metrics the edge proxy takes of the instances it sends requests to. */
export const METRICS = ['error_rate', 'latency_p95_ms', 'requests_per_second'] as const;
export type Metric = (typeof METRICS)[number];

const WINDOW_MS = 60_000;
/** What is counted is forgotten in pieces of this length. */
const SLOT_MS = 5_000;
/** A rate is not taken over less: the first requests of an instance would make a peak. */
const RATE_OVER_MIN_MS = 1_000;
/** Latencies are counted in classes, each this much wider than the one before. */
const LATENCY_GROWTH = 1.1;
const LATENCY_FIRST_MS = 0.1;
/** The last class reaches beyond two minutes; all that is longer is in it. */
const LATENCY_CLASSES = 149;
const PERCENTILE = 0.95;

/** What became of one request. */
export interface Counted {
  /** From its being sent until the answer began, or until it was given up. */
  readonly latencyMs: number;
  /** Answered 5xx, or not at all. */
  readonly isError: boolean;
}

interface Slot {
  readonly beganAtMs: number;
  requests: number;
  errors: number;
  readonly latencies: Uint32Array;
}

/** What one instance did with its requests in the last minute. Times: ms of a clock that never jumps. */
export class TrafficCounts {
  readonly #sinceMs: number;
  #slots: Slot[] = [];

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  count({ latencyMs, isError }: Counted, nowMs: number): void {
    const slot = this.#slotAt(nowMs);
    slot.requests += 1;
    if (isError) slot.errors += 1;
    const at = latencyClass(latencyMs);
    slot.latencies[at] = (slot.latencies[at] ?? 0) + 1;
  }

  /** Its part of the sums over several instances. */
  addTo(sums: Sums, nowMs: number): void {
    const fromMs = windowStart(nowMs);
    this.#forgetBefore(fromMs);
    let requests = 0;
    for (const slot of this.#slots) {
      requests += slot.requests;
      sums.errors += slot.errors;
      slot.latencies.forEach((count, at) => {
        sums.latencies[at] = (sums.latencies[at] ?? 0) + count;
      });
    }
    sums.requests += requests;
    // An instance that has just come has not had a minute's requests yet.
    const overMs = Math.max(nowMs - Math.max(fromMs, this.#sinceMs), RATE_OVER_MIN_MS);
    sums.perSecond += (requests * 1_000) / overMs;
  }

  #slotAt(nowMs: number): Slot {
    const beganAtMs = slotStart(nowMs);
    const last = this.#slots.at(-1);
    if (last?.beganAtMs === beganAtMs) return last;
    this.#forgetBefore(windowStart(nowMs));
    const latencies = new Uint32Array(LATENCY_CLASSES);
    const slot = { beganAtMs, requests: 0, errors: 0, latencies };
    this.#slots.push(slot);
    return slot;
  }

  #forgetBefore(fromMs: number): void {
    this.#slots = this.#slots.filter(({ beganAtMs }) => beganAtMs >= fromMs);
  }
}

function slotStart(atMs: number): number {
  return Math.floor(atMs / SLOT_MS) * SLOT_MS;
}

/** Whole slots, so a window is up to one of them longer than a minute. */
function windowStart(nowMs: number): number {
  return slotStart(nowMs - WINDOW_MS);
}

interface Sums {
  requests: number;
  errors: number;
  perSecond: number;
  readonly latencies: number[];
}

/** One metric over several instances; null when they had no requests. */
export function metricOver(
  metric: Metric,
  instances: Iterable<TrafficCounts>,
  nowMs: number,
): number | null {
  const sums: Sums = { requests: 0, errors: 0, perSecond: 0, latencies: [] };
  for (const counts of instances) counts.addTo(sums, nowMs);
  if (sums.requests === 0) return null;
  switch (metric) {
    case 'error_rate':
      return sums.errors / sums.requests;
    case 'latency_p95_ms':
      return percentileOf(sums);
    case 'requests_per_second':
      return sums.perSecond;
  }
}

/** The upper end of the class in which it lies: never less than it was. */
function percentileOf({ requests, latencies }: Sums): number {
  let left = Math.ceil(requests * PERCENTILE);
  const at = latencies.findIndex((count) => (left -= count) <= 0);
  return LATENCY_FIRST_MS * LATENCY_GROWTH ** at;
}

function latencyClass(latencyMs: number): number {
  const at = Math.ceil(Math.log(latencyMs / LATENCY_FIRST_MS) / Math.log(LATENCY_GROWTH));
  return Math.min(Math.max(Number.isNaN(at) ? 0 : at, 0), LATENCY_CLASSES - 1);
}
