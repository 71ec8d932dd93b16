import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import type { TargetDriver } from '#targets/target.driver.js';
import type { Execution, RoomReading } from '#core/execution/execution.js';
import { ENGINE_LIMITS } from '../orchestrator-limits.js';
import type { EngineReads } from '../upgrade-asked.runner.js';
import type { FleetCensusTicker } from './fleet-census.ticker.js';

interface RoomParts {
  readonly store: Pick<EngineReads, 'pendingAmong'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Counts the room of one execution's target, beside its steps and never two counts at a time. What
 * was counted last waits here until it is reported.
 */
export class RoomTicker {
  /** Counted and not yet reported. */
  latest: RoomReading | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #isCounting = false;

  /** @param wake called when a count has come */
  constructor(
    private readonly parts: RoomParts,
    private readonly census: Pick<FleetCensusTicker, 'counted'>,
    private readonly wake: () => void,
  ) {}

  /**
   * Begins a count when one is due; answers when to look again, as a pause.
   *
   * @param own instances under way or FAILED, by index: the execution counts them itself
   */
  keepCounted(
    execution: Execution,
    driver: TargetDriver,
    own: ReadonlyMap<number, string>,
    isStepping: boolean,
  ): number {
    const { clock, log } = this.parts;
    if (execution.counters.PENDING === 0) return Infinity;
    // One that fails wakes nobody: whoever waits for it looks again.
    if (this.#isCounting) return ENGINE_LIMITS.roomEveryMs;
    const { isWanted, isWaiting } = needOf(execution);
    if (!isWanted && !isWaiting && !isStepping) return Infinity;
    const sinceMs = clock.nowMs() - this.#askedAtMs;
    const atOnce = isWanted && !isWaiting && this.latest === null;
    if (!atOnce && sinceMs < ENGINE_LIMITS.roomEveryMs) return ENGINE_LIMITS.roomEveryMs - sinceMs;
    this.#isCounting = true;
    this.#askedAtMs = clock.nowMs();
    this.#count(execution, driver, own)
      .then(this.wake, (err: unknown) => {
        log.warn({ err, executionId: execution.id }, 'room could not be counted');
      })
      .finally(() => (this.#isCounting = false));
    return ENGINE_LIMITS.roomEveryMs;
  }

  /** A count that somebody waits for. */
  isNews(execution: Execution): boolean {
    const { isWanted, isWaiting } = needOf(execution);
    return this.latest !== null && (isWanted || isWaiting);
  }

  async #count(
    execution: Execution,
    driver: TargetDriver,
    own: ReadonlyMap<number, string>,
  ): Promise<void> {
    const { store, clock } = this.parts;
    const countedAtMs = clock.nowMs();
    const mine = new Set(own.values());
    const { down, listed } = await driver.room([...mine].slice(0, ENGINE_LIMITS.exceptMax));
    // What has vanished is known before a batch begins with it.
    await this.census.counted(listed, execution, driver);
    if (down === 0) {
      this.latest = { othersDown: 0, downPending: [], countedAtMs };
      return;
    }
    const page = await driver.list({ downOnly: true, limit: ENGINE_LIMITS.downNamedMax });
    const ids = page.instances.map(({ id }) => id).filter((id) => !mine.has(id));
    const downPending = await store.pendingAmong(execution.id, ids);
    // The list came later than the count: whatever fell in between is down as well.
    this.latest = { othersDown: Math.max(down, ids.length), downPending, countedAtMs };
  }
}

function needOf(execution: Execution): { isWanted: boolean; isWaiting: boolean } {
  return {
    isWanted: 'roomWanted' in execution && execution.roomWanted,
    isWaiting: execution.waitingFor?.kind === 'ROOM',
  };
}
