/** Whether a strategy fits the number of instances there are (spec §2, §5). */
import type { StrategyName } from '../execution/execution.js';
import { allowedDown } from '../strategies/room.js';
import type { Blocker, Warning } from './compatibility.js';

/** Strategies that take down what serves while the rest serves on. */
const IN_PLACE: readonly StrategyName[] = ['ROLLING', 'CANARY', 'STAGED'];

export interface SizeQuestion {
  /** N: all instances the target has now. */
  readonly listed: number;
  /** How many to take; null: all there are. */
  readonly totalInstances: number | null;
  readonly strategy: StrategyName;
  readonly maxUnavailablePercentage: number;
  readonly failureThreshold: number;
  readonly allowDowntime: boolean;
}

export interface SizeJudgement {
  readonly blockers: readonly Blocker[];
  readonly warnings: readonly Warning[];
}

/** Judges the counts; `listed` of 0 is a blocker, as there is nothing to upgrade. */
export function judgeSize(question: SizeQuestion): SizeJudgement {
  const { listed, totalInstances, strategy, failureThreshold } = question;
  if (listed === 0) {
    const message = 'the target has no instances: there is nothing to upgrade';
    return { blockers: [{ code: 'NO_INSTANCES', message }], warnings: [] };
  }
  const blockers: Blocker[] = [];
  if (totalInstances !== null && totalInstances > listed) {
    const message = `totalInstances is ${totalInstances}, the target has ${listed}`;
    blockers.push({ code: 'TOO_MANY_INSTANCES', message });
  }
  if (strategy === 'BLUE_GREEN' && totalInstances !== null && totalInstances < listed) {
    const message = `BLUE_GREEN replaces the whole set: totalInstances is ${totalInstances}, the target has ${listed}`;
    blockers.push({ code: 'NOT_THE_WHOLE_SET', message });
  }
  if (strategy === 'RECREATE') {
    const message = `RECREATE takes all instances at once: nothing serves until the first is back`;
    return { blockers, warnings: [{ code: 'DOWNTIME', message }] };
  }
  if (!IN_PLACE.includes(strategy)) return { blockers, warnings: [] };
  const allowed = allowedDown(listed, question.maxUnavailablePercentage);
  // Those that are not taken go on serving, however many may be down.
  const downAtOnce = Math.min(allowed, totalInstances ?? listed);
  const warnings: Warning[] = [];
  if (downAtOnce >= listed && question.allowDowntime) {
    const message = `all ${listed} may be down at once, as allowDowntime lets them: nothing would serve meanwhile`;
    warnings.push({ code: 'DOWNTIME', message });
  }
  if (downAtOnce >= listed && !question.allowDowntime) {
    const message = `${strategy} would leave no instance serving: ${downAtOnce} of ${listed} may be down at once; choose BLUE_GREEN or RECREATE, or allow it with allowDowntime`;
    blockers.push({ code: 'NOTHING_WOULD_SERVE', message });
  }
  if (failureThreshold > allowed) {
    const message = `failureThreshold ${failureThreshold} is never reached: at most ${allowed} of ${listed} may be down at once, so failures fill the room first and the retry round decides`;
    warnings.push({ code: 'THRESHOLD_OUT_OF_REACH', message });
  }
  return { blockers, warnings };
}
