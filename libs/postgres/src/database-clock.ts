import { Clock } from '#runtime/clock.js';
import { CLOCK_FIRST_ANSWER_MAX_MS, CLOCK_SLOWED_SHARE } from './postgres-limits.js';
import {
  type ServiceDatabase,
  type ServiceTx,
  TransientDatabaseError,
} from './service-database.js';

/** What the database said its time was, and between which two moments of ours it said so. */
export interface TimeReading {
  /** By the asking process's monotonic clock, ms. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  /** By the database's clock, ms since 1970. */
  readonly databaseMs: number;
}

/** How the clock goes since it last heard of the database. */
interface Going {
  /** The database's time less our monotonic one, ms. */
  readonly aheadMs: number;
  /** What the clock showed then, and when that was by the monotonic clock. */
  readonly shownMs: number;
  readonly heardAtMs: number;
}

/**
 * The database's time, as this process knows it: a distance to its monotonic clock, heard of before
 * anything is decided and again with every renewal of the leases. All replicas of a service decide
 * by it, so a deadline that one has written is over for all at the same moment, to within a round
 * trip, whatever their machines take the time to be.
 *
 * An answer was true at some moment between question and answer, so it proves the time to within
 * the round trip and no better. The first one is taken to lie in the middle, and is not taken at
 * all when it took longer than `CLOCK_FIRST_ANSWER_MAX_MS`. Each later one moves the clock only as
 * far as it proves it wrong: one that took ten seconds may correct a clock that is off by a minute,
 * and leaves one alone that is off by less than it can tell.
 *
 * It never goes backwards. What happens to it when
 *
 * - the database is away: it goes on by the monotonic clock, which drifts by some milliseconds a
 *   minute at worst, and is put right by the first renewal after that.
 * - the process was stopped (SIGSTOP): it is right at once, since monotonic time went on. When the
 *   whole machine slept it is late by that until the next renewal, and so nothing is over too early.
 * - the machine's wall clock is set: nothing.
 * - the database's clock is put forward, or a fail-over brings one that is ahead: the next renewal
 *   puts this one forward too, and what is under way by then may time out.
 * - the database's clock is put back, or a fail-over brings one that is behind: it goes at
 *   `CLOCK_SLOWED_SHARE` of its speed until the database has caught up. Deadlines come late for as
 *   long, and never early.
 */
export class DatabaseClock extends Clock {
  #going: Going | null = null;

  /**
   * @param monotonicMs a clock that nobody sets: `() => performance.now()`
   * @param sleeper lets time pass; its own time is not asked for
   */
  constructor(
    readonly monotonicMs: () => number,
    private readonly sleeper: Pick<Clock, 'sleep'>,
  ) {
    super();
  }

  /** Whole. Throws before the database has said what time it is: nothing can be decided then. */
  override nowMs(): number {
    if (this.#going === null) throw new Error('the database has not said yet what time it is');
    return Math.floor(shown(this.#going, this.monotonicMs()));
  }

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.sleeper.sleep(ms, signal);
  }

  /** Asks the database. Throws TransientDatabaseError, also for a first answer that took too long. */
  async learnFrom(database: Pick<ServiceDatabase<ServiceTx>, 'nowMs'>): Promise<void> {
    const askedAtMs = this.monotonicMs();
    const databaseMs = await database.nowMs();
    this.heard({ askedAtMs, databaseMs, answeredAtMs: this.monotonicMs() });
    if (this.#going === null) {
      throw new TransientDatabaseError('the database took too long to say what time it is');
    }
  }

  /** Takes in what the database said. */
  readonly heard = ({ askedAtMs, answeredAtMs, databaseMs }: TimeReading): void => {
    const leastMs = databaseMs - answeredAtMs;
    const mostMs = databaseMs - askedAtMs;
    if (this.#going === null) {
      if (mostMs - leastMs > CLOCK_FIRST_ANSWER_MAX_MS) return;
      const aheadMs = (leastMs + mostMs) / 2;
      this.#going = { aheadMs, shownMs: answeredAtMs + aheadMs, heardAtMs: answeredAtMs };
      return;
    }
    const shownMs = shown(this.#going, answeredAtMs);
    const aheadMs = Math.min(mostMs, Math.max(leastMs, this.#going.aheadMs));
    this.#going = { aheadMs, shownMs, heardAtMs: answeredAtMs };
  };
}

/** The database's time, or, while what was shown already is ahead of that, slowly on from there. */
function shown({ aheadMs, shownMs, heardAtMs }: Going, atMs: number): number {
  return Math.max(atMs + aheadMs, shownMs + (atMs - heardAtMs) * CLOCK_SLOWED_SHARE);
}
