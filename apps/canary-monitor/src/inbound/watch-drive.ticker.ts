import type { Drive } from '#postgres/owned-work.js';
import type { Clock } from '#runtime/clock.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import type {
  Lease,
  Looked,
  RunningWatch,
  SampleOrder,
  StoredWatch,
  WatchRunner,
} from '../watch.runner.js';
import { CanaryProbe } from './canary.probe.js';
import type { MetricSource } from './prometheus.client.js';

export interface WatchDriveParts {
  readonly runner: WatchRunner;
  readonly drivers: TargetDrivers;
  readonly prometheus: MetricSource;
  readonly clock: Clock;
}

/**
 * One watch under one lease: takes the samples of its grid, and says what is to be said between
 * them. What a predecessor had not reported is lost: its moment is late, or left out.
 */
export class WatchDrive implements Drive {
  readonly #abandoned = new AbortController();
  #stored: StoredWatch | null = null;
  /** Taken, and not known to be committed: reported again, not taken again. */
  #looked: Looked | null = null;

  constructor(
    private readonly running: RunningWatch,
    private readonly lease: Lease,
    private readonly parts: WatchDriveParts,
  ) {}

  abandon(): void {
    this.#abandoned.abort();
  }

  async turn(): Promise<number | 'OVER'> {
    const { runner } = this.parts;
    const stored = (this.#stored ??= await runner.load(this.running.key));
    if (stored === null || this.#isAbandoned()) return 'OVER';
    const order = runner.sampleDue(stored);
    if (order !== null) this.#looked ??= await this.#look(stored, order);
    // What was cut short says nothing: the next owner looks for itself.
    if (this.#isAbandoned()) return 'OVER';
    const isDue = this.#looked !== null || runner.wordDue(stored.watch);
    if (!isDue) return runner.pauseMs(stored.watch);
    const report = this.#looked ?? ({ type: 'TIME_PASSED' } as const);
    const watch = await runner.report(this.running, this.lease, report);
    this.#looked = null;
    if (watch === null) return 'OVER';
    this.#stored = { ...stored, watch };
    return runner.pauseMs(watch);
  }

  async #look({ watch, asked }: StoredWatch, order: SampleOrder): Promise<Looked> {
    const { runner, drivers, prometheus, clock } = this.parts;
    const atMs = clock.nowMs();
    // Aborted by the look's end, its deadline or the drive's own end, whichever comes first.
    const over = new AbortController();
    const ends = AbortSignal.any([over.signal, this.#abandoned.signal]);
    void clock.sleep(order.deadlineMs, ends).then(() => {
      over.abort();
    });
    const probe = new CanaryProbe(
      {
        open: () => drivers.open(asked.target),
        pages: watch.pages,
        pageOf: (page) => runner.page(this.running.key, page),
        judgePage: (sight) => runner.judgePage(sight),
        prometheus,
      },
      order,
      over.signal,
    );
    const seen = await probe.look();
    over.abort();
    return { type: 'LOOKED', number: order.number, atMs, ...seen };
  }

  /** Asked by a method, because the compiler takes the answer of a property for lasting. */
  #isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }
}
