import type { Clock } from '#runtime/clock.js';
import { pauseBeforeRetryMs } from '#runtime/retry.js';
import { VALIDATION_LIMITS } from '#core/limits.js';
import type { Examination, Sight, Want } from '#core/validation/examination.js';

/** Faults that pass by themselves: the target's silence, and the database's. */
const PASSING: ReadonlySet<string> = new Set(['TargetUnreachableError', 'TransientDatabaseError']);

/** How the looks of one check ended. */
export interface Examined {
  /** What was found; null when it could not be carried out. */
  readonly judgement: Examination['judgement'];
  /** Then the reason, in a sentence: what was last in the way. */
  readonly trouble: string;
}

interface Looking {
  /** Shows a check what it wants to see; throws when it cannot be looked at. */
  readonly see: (want: Want, signal: AbortSignal) => Promise<Sight>;
  readonly clock: Clock;
}

/**
 * Carries the looks of one check out, each tried again while what stands in its way may pass, until
 * it is judged or `over` is aborted. Never rejects: whatever goes wrong is what was in the way.
 */
export async function carryOut(
  first: Examination,
  looking: Looking,
  over: AbortSignal,
): Promise<Examined> {
  const looks = new Looks(looking, over);
  const judgement = await looks.untilJudged(first).catch((error: unknown) => {
    looks.trouble = reasonOf(error);
    return null;
  });
  return { judgement, trouble: looks.trouble };
}

class Looks {
  trouble = 'nothing was seen in time';

  constructor(
    private readonly looking: Looking,
    private readonly over: AbortSignal,
  ) {}

  /** What was found; null when time was up before anything was. Throws what will not pass. */
  async untilJudged(first: Examination): Promise<Examination['judgement']> {
    const { see: show, clock } = this.looking;
    const isOver = new Promise<null>((resolve) => {
      this.over.addEventListener('abort', () => {
        resolve(null);
      });
    });
    let examination = first;
    for (let failures = 0; examination.judgement === null;) {
      const { want, see, ifCut } = examination;
      if (isAborted(this.over)) return ifCut?.() ?? null;
      try {
        // Whatever a driver promises, a check does not wait for it beyond its deadline.
        const sight = await Promise.race([show(want, this.over), isOver]);
        if (sight === null) return ifCut?.() ?? null;
        examination = see(sight);
        failures = 0;
      } catch (error) {
        if (!(error instanceof Error && PASSING.has(error.name))) throw error;
        // What is cut short by the deadline says nothing: what went wrong before it does.
        if (!isAborted(this.over)) this.trouble = error.message;
        failures += 1;
        await clock.sleep(pauseMs(failures), this.over);
      }
    }
    return examination.judgement;
  }
}

/** Without chance: the checks of one validation are few, and a simulation must repeat itself. */
function pauseMs(failures: number): number {
  return pauseBeforeRetryMs(failures, () => 1, {
    firstPauseMs: VALIDATION_LIMITS.retryPauseMs,
    maxPauseMs: VALIDATION_LIMITS.retryPauseMaxMs,
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Asked by a function, because the compiler takes the answer of a property for lasting. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
