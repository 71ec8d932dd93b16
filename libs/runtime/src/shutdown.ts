import type { Clock } from './clock.js';
import type { Log } from './log.js';

/**
 * The order in which a service ends. Steps of one stage run side by side, the next stage begins
 * when all are done.
 *
 * Taking ends first, so that the rest is finite; shards are given back only when nothing of them is
 * under way, so that the next owner needs no rescue; the group is left last of what others see.
 */
export const SHUTDOWN_STAGES = [
  /** No new requests, messages or ticks. */
  'stopTaking',
  /** What was taken comes to its end. */
  'finishWork',
  /** What came of it is committed and sent: last flush of relay and producer. */
  'commit',
  'giveShardsBack',
  'leaveGroup',
  /** Pools, producers, sockets. */
  'closeConnections',
] as const;

export type ShutdownStage = (typeof SHUTDOWN_STAGES)[number];

interface Step {
  readonly stage: ShutdownStage;
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** Exit code of a process that ended in disorder: over the limit, a failed step, or `fatal`. */
const EXIT_FAILED = 1;

/** Ends a process in good order, and within a limit in any case. */
export class Shutdown {
  readonly #steps: Step[] = [];
  #ending: Promise<void> | undefined;

  /**
   * @param limitMs after this the process ends as it is, with code 1
   * @param exit ends the process; given by tests
   */
  constructor(
    private readonly limitMs: number,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly exit: (code: number) => void = (code) => process.exit(code),
  ) {}

  /** Whether the end has begun: readiness is refused from then on. */
  get isEnding(): boolean {
    return this.#ending !== undefined;
  }

  /** Adds a step. A step that fails is logged and does not keep the others from running. */
  at(stage: ShutdownStage, name: string, run: () => Promise<void>): void {
    this.#steps.push({ stage, name, run });
  }

  /** Ends the process on these signals; a second signal while ending ends it at once. */
  listen(signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']): void {
    for (const signal of signals) {
      process.on(signal, () => {
        if (this.isEnding) this.#exitNow(`second ${signal}`);
        else void this.run(signal);
      });
    }
  }

  /** Runs all stages once and exits: 0 when every step succeeded, else 1. */
  run(reason: string): Promise<void> {
    this.#ending ??= this.#runWithinLimit(reason);
    return this.#ending;
  }

  /**
   * The process cannot go on, and what it holds cannot be trusted: a dead consumer, say. Logs and
   * ends it with code 1, without any of the stages; leases and session timeouts hand its work on.
   */
  fatal(reason: string, error?: unknown): void {
    this.log.fatal({ err: error, reason }, `ending at once: ${reason}`);
    this.exit(EXIT_FAILED);
  }

  async #runWithinLimit(reason: string): Promise<void> {
    this.log.info({ reason, limitMs: this.limitMs }, 'ending in good order');
    const inTime = new AbortController();
    const limit = this.clock.sleep(this.limitMs, inTime.signal).then(() => {
      if (!inTime.signal.aborted) this.#exitNow(`not done within ${String(this.limitMs)} ms`);
    });
    const stages = this.#runStages().then((failed) => {
      if (inTime.signal.aborted) return;
      inTime.abort();
      this.log.info({ reason, failedSteps: failed }, 'ended');
      this.exit(failed === 0 ? 0 : EXIT_FAILED);
    });
    await Promise.race([stages, limit]);
  }

  async #runStages(): Promise<number> {
    let failed = 0;
    for (const stage of SHUTDOWN_STAGES) {
      const steps = this.#steps.filter((step) => step.stage === stage);
      const results = await Promise.allSettled(steps.map(async (step) => step.run()));
      results.forEach((result, index) => {
        if (result.status === 'fulfilled') return;
        failed += 1;
        const name = steps[index]?.name;
        this.log.error({ err: result.reason as unknown, stage, step: name }, 'step failed');
      });
    }
    return failed;
  }

  #exitNow(reason: string): void {
    this.log.error({ reason }, 'ending without waiting any longer');
    this.exit(EXIT_FAILED);
  }
}
