import type { Clock } from '#runtime/clock.js';

/** How a part fares. */
export interface PartHealth {
  /** False: it will not recover, the process must be replaced. */
  readonly live: boolean;
  /** False: no work can be done through it right now. */
  readonly ready: boolean;
  /** Why not, in a few words that may be shown to anybody. */
  readonly reason?: string;
}

/** The parts a service may have. */
export type PartName = 'database' | 'consumer' | 'producer' | 'leases';

/** The answer to /livez or /readyz. */
export interface HealthReport {
  readonly ok: boolean;
  /** By part: `ok`, or why not. */
  readonly parts: Readonly<Record<string, string>>;
}

/** How long one part may take to say how it fares. */
export const PART_LOOK_LIMIT_MS = 2_000;

/** Gathers how the parts of a process fare. */
export class Health {
  readonly #parts = new Map<PartName, () => PartHealth | Promise<PartHealth>>();

  /** @param isEnding a process that ends takes no new work, so it is not ready */
  constructor(
    private readonly clock: Clock,
    private readonly isEnding: () => boolean = () => false,
  ) {}

  /** Adds a part. `look` is asked at each report; one that throws or hangs counts as not ready. */
  part(name: PartName, look: () => PartHealth | Promise<PartHealth>): void {
    this.#parts.set(name, look);
  }

  /** Not ok when a part is beyond recovery. A database or broker that is away is no reason. */
  async liveness(): Promise<HealthReport> {
    return reportOf(await this.#look(), 'live');
  }

  /** Not ok when a part cannot work right now, or the process is ending. */
  async readiness(): Promise<HealthReport> {
    const report = reportOf(await this.#look(), 'ready');
    if (!this.isEnding()) return report;
    return { ok: false, parts: { ...report.parts, process: 'is ending' } };
  }

  async #look(): Promise<[PartName, PartHealth][]> {
    return Promise.all(
      Array.from(this.#parts, async ([name, look]): Promise<[PartName, PartHealth]> => [
        name,
        await this.#within(look),
      ]),
    );
  }

  async #within(look: () => PartHealth | Promise<PartHealth>): Promise<PartHealth> {
    const done = new AbortController();
    const late = this.clock.sleep(PART_LOOK_LIMIT_MS, done.signal).then((): PartHealth => ({
      live: true,
      ready: false,
      reason: `no answer within ${String(PART_LOOK_LIMIT_MS)} ms`,
    }));
    try {
      return await Promise.race([Promise.resolve().then(look), late]);
    } catch {
      // The error's text may name hosts and users.
      return { live: true, ready: false, reason: 'cannot be asked' };
    } finally {
      done.abort();
    }
  }
}

function reportOf(parts: readonly [PartName, PartHealth][], which: 'live' | 'ready'): HealthReport {
  return {
    ok: parts.every(([, part]) => part[which]),
    parts: Object.fromEntries(
      parts.map(([name, part]) => [name, part[which] ? 'ok' : (part.reason ?? `not ${which}`)]),
    ),
  };
}
