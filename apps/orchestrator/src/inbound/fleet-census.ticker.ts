import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import type { TargetDriver } from '#targets/target.driver.js';
import { APPEARED_NAMED_MAX } from '#core/limits.js';
import type { Execution } from '#core/execution/execution.js';
import { ENGINE_LIMITS } from '../orchestrator-limits.js';
import type { EngineReads } from '../upgrade-asked.runner.js';
import { compareFleet, type FleetCompared } from './fleet-census.probe.js';

interface CensusParts {
  readonly store: Pick<EngineReads, 'instances'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Compares one execution's target with its rows whenever somebody may have changed the fleet:
 *
 * - a count of the room says another number than was listed;
 * - an instance has vanished under its step, and another may stand in its place, so that no count
 *   tells;
 * - once when the checks after have been asked for: what came with the last batch, or while no room
 *   was counted, is told before the end. Nobody waits for it.
 *
 * Never for a new set: it stands beside the listed one and says nothing about the rows. Never two
 * at a time, and none before the last one is reported.
 */
export class FleetCensusTicker {
  /** Somebody has changed the fleet, and the execution does not know it yet. */
  comparison: FleetCompared | null = null;
  readonly #over = new AbortController();
  #isComparing = false;
  #isInDoubt = false;
  #begunAtMs = Number.NEGATIVE_INFINITY;
  /** What the target listed when it was last compared with the rows; null: as it was listed. */
  #listed: number | null = null;
  /** When the checks after were asked for that the last comparison was begun for; null: none. */
  #lastForAtMs: number | null = null;
  /** Told as having appeared: each once. */
  readonly #told = new Set<string>();

  /** @param wake called when a comparison has come */
  constructor(
    private readonly parts: CensusParts,
    private readonly wake: () => void,
  ) {}

  /** An instance vanished under its step. */
  doubt(): void {
    this.#isInDoubt = true;
  }

  /** Nobody wants to know any more: what is under way ends with its page. */
  stop(): void {
    this.#over.abort();
  }

  /** A count of the room says how many are listed. Throws what the driver and the store throw. */
  async counted(listed: number, execution: Execution, driver: TargetDriver): Promise<void> {
    if (execution.newSet !== null || listed === (this.#listed ?? execution.listed)) return;
    if (this.#isComparing || this.comparison !== null) return;
    await this.#compare(execution, driver);
    this.#listed = listed;
  }

  /** Begins a comparison when one is due; answers when to look again, as a pause. */
  keepCompared(execution: Execution, driver: TargetDriver): number {
    const { clock, log } = this.parts;
    const checksAskedAtMs = postChecksAskedAtMs(execution);
    const isLast = checksAskedAtMs !== null && checksAskedAtMs !== this.#lastForAtMs;
    const matters = execution.counters.PENDING > 0 || checksAskedAtMs !== null;
    const isDue = isLast || (this.#isInDoubt && matters);
    if (execution.newSet !== null || !isDue) return Infinity;
    const { roomEveryMs } = ENGINE_LIMITS;
    const sinceMs = clock.nowMs() - this.#begunAtMs;
    if (!isLast && sinceMs < roomEveryMs) return roomEveryMs - sinceMs;
    // Whatever is under way wakes, and whatever is to be reported is: then it is looked at again.
    if (this.#isComparing || this.comparison !== null) return roomEveryMs;
    this.#begunAtMs = clock.nowMs();
    this.#lastForAtMs = checksAskedAtMs;
    // An instance that vanishes from now on is a doubt of its own.
    this.#isInDoubt = false;
    this.#compare(execution, driver).then(this.wake, (err: unknown) => {
      this.#isInDoubt = true;
      if (this.#over.signal.aborted) return;
      // Wakes nobody: it is begun again when its pause is over.
      log.warn({ err, executionId: execution.id }, 'the fleet could not be compared');
    });
    return roomEveryMs;
  }

  async #compare(execution: Execution, driver: TargetDriver): Promise<void> {
    this.#isComparing = true;
    try {
      const known = { told: this.#told, signal: this.#over.signal };
      this.comparison = await compareFleet(execution, driver, this.parts.store, known);
      const appeared = this.comparison?.appeared ?? [];
      for (const id of appeared.slice(0, APPEARED_NAMED_MAX)) this.#told.add(id);
    } finally {
      this.#isComparing = false;
    }
  }
}

function postChecksAskedAtMs(execution: Execution): number | null {
  return 'postChecksAskedAtMs' in execution ? execution.postChecksAskedAtMs : null;
}
