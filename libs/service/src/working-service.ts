import { INBOX_KEPT_MS } from '#contracts/topics.js';
import type { DeadLetters } from '#messaging/dead-letters.js';
import type { ServiceLoops } from '#messaging/service-loops.js';
import type { WorkEvents } from '#postgres/asked-work.js';
import { Loop } from '#runtime/loop.js';
import { plumbingOf, type PlumbingParts } from './service-plumbing.js';
import type { RunningService } from './service-process.js';

/** Drives the work in the shards a replica holds. */
export interface WorkTicker {
  start(): void;
  /** Something was committed about these executions, or the leases changed. */
  wake(executionIds?: readonly string[]): void;
  /** Begins nothing more, and resolves when the turns under way are over. */
  stop(): Promise<void>;
}

/**
 * Forgets work untouched for `olderThanMs` (an age), some of it at once; says whether there may be
 * more.
 */
export type Purge = (olderThanMs: number) => Promise<boolean>;

const PURGE_EVERY_MS = 600_000;

/**
 * One replica of a service that is asked for work, keeps it in rows and drives it in the shards it
 * owns; put together by hand: no framework, no timers of its own. What has ended is kept as long as
 * the inbox remembers who asked for it.
 */
export abstract class WorkingService implements RunningService {
  readonly loops: ServiceLoops;
  readonly deadLetters: DeadLetters;
  protected abstract readonly ticker: WorkTicker;
  protected readonly onError: (error: unknown, loop: string) => void;
  readonly #database: PlumbingParts['database'];
  readonly #purging: Loop;
  #endListening: () => Promise<void> = () => Promise.resolve();

  constructor(parts: PlumbingParts, purge: Purge) {
    const { loops, deadLetters, onError } = plumbingOf(parts);
    this.loops = loops;
    this.deadLetters = deadLetters;
    this.onError = onError;
    this.#database = parts.database;
    const run = async (): Promise<number> => ((await purge(INBOX_KEPT_MS)) ? 0 : PURGE_EVERY_MS);
    this.#purging = new Loop('purge', run, parts.clock, onError);
    loops.onLeases(() => {
      this.ticker.wake();
    });
  }

  /** Begins all loops; the consumer is called by the transport. */
  async start(): Promise<void> {
    this.#endListening = await this.#database.listen((executionIds) => {
      this.ticker.wake(executionIds);
    });
    this.loops.start();
    this.ticker.start();
    this.#purging.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.ticker.stop(), this.#purging.stop(), this.#endListening()]);
  }

  /** For the runner: what was committed is relayed, and what was asked for is driven. */
  protected events<Input, Decision>(
    decided: (input: Input, decision: Decision) => void = () => undefined,
  ): WorkEvents<Input, Decision> {
    return {
      committed: () => {
        this.loops.wakeRelay();
      },
      asked: (executionIds) => {
        this.ticker.wake(executionIds);
      },
      decided,
    };
  }
}
