import { CANARY_LIMITS } from '#core/limits.js';
import type { TargetDriver } from '#targets/target.driver.js';
import type {
  CanaryMetric,
  ExpectedCanary,
  Looked,
  MetricReading,
  PageHealth,
  PageSight,
  SampleOrder,
} from '../watch.runner.js';
import type { MetricSource } from './prometheus.client.js';

/** Where one watch's canaries are. */
export interface ProbedCanaries {
  /** Throws TargetSettingsError. */
  readonly open: () => TargetDriver;
  readonly pages: number;
  /** The stored page with this number, from 1. */
  readonly pageOf: (page: number) => Promise<ExpectedCanary[]>;
  readonly judgePage: (sight: PageSight) => PageHealth;
  readonly prometheus: MetricSource;
}

interface Trouble {
  readonly trouble: string;
}

/**
 * Looks once at the canaries of one watch, at everything side by side. Never rejects: what fails,
 * or has not answered when time is over, is the trouble of that look alone.
 */
export class CanaryProbe {
  readonly #pages = new Map<number, Promise<ExpectedCanary[]>>();
  readonly #timeIsOver: Promise<Trouble>;

  /** @param over aborted when the order's deadline has passed */
  constructor(
    private readonly canaries: ProbedCanaries,
    private readonly order: SampleOrder,
    private readonly over: AbortSignal,
  ) {
    this.#timeIsOver = new Promise((resolve) => {
      over.addEventListener('abort', () => {
        resolve(this.#late());
      });
    });
  }

  async look(): Promise<Pick<Looked, 'pages' | 'metrics'>> {
    const [pages, metrics] = await Promise.all([
      this.#eachPage(async (page) => this.canaries.judgePage(await this.#see(page))),
      Promise.all(
        this.order.metrics.map(async (metric) => {
          return { metric, readings: await this.#readings(metric) };
        }),
      ),
    ]);
    return { pages, metrics };
  }

  #see(page: number): Promise<PageSight> {
    return this.#inTime(async () => {
      const expected = await this.#page(page);
      if (expected.length === 0) return { expected, seen: [] };
      const driver = this.canaries.open();
      const ids = expected.map(({ id }) => id);
      const { instances } = await driver.list({ ids, limit: ids.length }, this.over);
      if (instances.length > 0) return { expected, seen: instances };
      // None of them is there, or the target tells nothing at all: only the second is no data.
      const any = await driver.list({ limit: 1 }, this.over);
      return { expected, seen: any.instances.length > 0 ? [] : 'SILENT' };
    });
  }

  async #readings(metric: CanaryMetric): Promise<MetricReading[]> {
    const { query, source } = metric;
    const { prometheus } = this.canaries;
    if (source === 'PROMETHEUS') {
      const read = async () => ({ value: await prometheus.value(query, this.over) });
      return [await this.#inTime(read)];
    }
    const readings = await this.#eachPage((page) =>
      this.#inTime(async () => {
        const ids = (await this.#page(page)).map(({ id }) => id);
        if (ids.length === 0) return null;
        return { value: await this.canaries.open().metric({ query, ids }, this.over) };
      }),
    );
    return readings.filter((reading) => reading !== null);
  }

  /** Read once a sample, whoever asks first. */
  #page(page: number): Promise<ExpectedCanary[]> {
    const reading = this.#pages.get(page) ?? this.canaries.pageOf(page);
    this.#pages.set(page, reading);
    return reading;
  }

  /** A few at once; what comes of them stands in the order of the pages. */
  async #eachPage<T>(work: (page: number) => Promise<T>): Promise<T[]> {
    const results: T[] = [];
    let next = 1;
    const takeTurns = async (): Promise<void> => {
      for (let page = next++; page <= this.canaries.pages; page = next++) {
        results[page - 1] = await work(page);
      }
    };
    await Promise.all(Array.from({ length: CANARY_LIMITS.pagesAtOnce }, takeTurns));
    return results;
  }

  /** Whatever a driver promises, a sample does not wait for it beyond its deadline. */
  async #inTime<T>(look: () => Promise<T>): Promise<T | Trouble> {
    if (this.#isOver()) return this.#late();
    try {
      return await Promise.race([look(), this.#timeIsOver]);
    } catch (error) {
      return this.#isOver() ? this.#late() : { trouble: reasonOf(error) };
    }
  }

  /** Asked by a method, because the compiler takes the answer of a property for lasting. */
  #isOver(): boolean {
    return this.over.aborted;
  }

  #late(): Trouble {
    return { trouble: `did not answer within ${String(this.order.deadlineMs)} ms` };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
