import { Clock } from '#runtime/clock.js';

interface Event {
  readonly dueMs: number;
  /** Of two due at once, the one that was asked for first comes first. */
  readonly serial: number;
  /** Null once nobody waits for it any more. */
  happen: (() => void) | null;
}

export interface RunLimits {
  /** How much virtual time may pass. */
  readonly limitMs: number;
  /** How many events may happen: an endless loop without time passing shows here. */
  readonly eventsMax: number;
}

/** How a run ended: what was waited for holds, nothing is left to happen, or it took too long. */
export type RunEnd = 'HOLDS' | 'IDLE' | 'TOO_LATE' | 'TOO_MUCH';

/**
 * Time that passes only from event to event. Between two events every promise that can go on does,
 * to its end, so the same calls give the same order of everything.
 */
export class VirtualClock extends Clock {
  #heap: Event[] = [];
  /** Events in the heap that nobody waits for any more. */
  #forgotten = 0;
  #now: number;
  #serial = 0;
  #happened = 0;

  constructor(startMs: number) {
    super();
    this.#now = startMs;
  }

  override nowMs(): number {
    return this.#now;
  }

  /** How many events have happened so far. */
  get happened(): number {
    return this.#happened;
  }

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const event = this.at(this.#now + Math.max(0, ms), wake);
      const abort = (): void => {
        event.happen = null;
        if (Number.isFinite(event.dueMs)) this.#forget();
        resolve();
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Lets something happen at a time; what is never due never happens. */
  at(dueMs: number, happen: () => void): Event {
    const event: Event = { dueMs, serial: this.#serial, happen };
    this.#serial += 1;
    if (Number.isFinite(dueMs)) this.#push(event);
    return event;
  }

  /** Lets time pass until `holds`, which is asked between any two events. */
  async runUntil(holds: () => boolean, { limitMs, eventsMax }: RunLimits): Promise<RunEnd> {
    const endMs = this.#now + limitMs;
    const lastEvent = this.#happened + eventsMax;
    await settled();
    while (!holds()) {
      if (this.#happened >= lastEvent) return 'TOO_MUCH';
      const next = this.#pop();
      if (next === undefined) return 'IDLE';
      if (next.dueMs > endMs) {
        this.#push(next);
        this.#now = endMs;
        return 'TOO_LATE';
      }
      this.#happened += 1;
      this.#now = Math.max(this.#now, next.dueMs);
      next.happen?.();
      await settled();
    }
    return 'HOLDS';
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    await this.runUntil(() => false, { limitMs: ms, eventsMax: Infinity });
  }

  /** Sleeps that are cut short again and again must not fill the memory until they are due. */
  #forget(): void {
    this.#forgotten += 1;
    if (this.#forgotten < 1_000 || this.#forgotten < this.#heap.length / 2) return;
    const waitedFor = this.#heap.filter(({ happen }) => happen !== null);
    this.#heap = [];
    this.#forgotten = 0;
    for (const event of waitedFor) this.#push(event);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  /** The next event that somebody still waits for. */
  #pop(): Event | undefined {
    for (;;) {
      const first = this.#popAny();
      if (first === undefined || first.happen !== null) return first;
      this.#forgotten -= 1;
    }
  }

  #popAny(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const smaller = heap[child];
      if (smaller === undefined || !isBefore(smaller, last)) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.serial < b.serial);
}

/** Macrotasks of one round of Node's loop: a round costs as much as many of them. */
const MACROTASKS_A_ROUND = 64;
const waiting: (() => void)[] = [];
let macrotasksAhead = 0;

/** Every promise that can go on has gone on: Node empties their queue before the next macrotask. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (macrotasksAhead === 0) askForMacrotasks();
  });
}

function askForMacrotasks(): void {
  for (; macrotasksAhead < MACROTASKS_A_ROUND; macrotasksAhead += 1) setImmediate(macrotask);
}

function macrotask(): void {
  macrotasksAhead -= 1;
  waiting.shift()?.();
  if (macrotasksAhead === 0 && waiting.length > 0) askForMacrotasks();
}
