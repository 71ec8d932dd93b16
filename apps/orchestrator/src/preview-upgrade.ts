/** What an upgrade would be: pure, so that a preview is nothing but reading, looking, and this. */
import type { UpgradeJudgement, Warning } from '#core/compatibility/compatibility.js';
import type { CheckResult, Execution } from '#core/execution/execution.js';
import type { Preview } from '#core/preview/preview.js';
import type { BatchWork, Tallies } from '#core/statistics/statistics.js';
import { checksOf, type CheckName } from '#core/validation/checks.js';
import { examine, type Examination } from '#core/validation/examination.js';
import { judgeNotCarriedOut, resultOf } from '#core/validation/judgement.js';
import type { CreateExecution } from './create-execution.js';
import type { TargetView } from './target-desk.js';

/** An upgrade as it would be if it were created and started now. */
export interface UpgradePreview {
  readonly judgement: UpgradeJudgement;
  /** Null: no target answered, or it has nothing to take. */
  readonly plan: Preview | null;
  /** How long batches took before; null: no earlier execution says. */
  readonly batchWork: BatchWork | null;
  /** The checks before the upgrade; empty when no target answered. */
  readonly checks: readonly CheckResult[];
}

export interface BegunCheck {
  readonly check: CheckName;
  readonly first: Examination;
}

/** The checks before the upgrade, as its validator would be asked for them. */
export function checksBefore(execution: CreateExecution): BegunCheck[] {
  const { compatibility, snapshot, plan, requires, installedComponents, skipChecks } = execution;
  const { strategy, stateless, maxUnavailablePercentage } = snapshot;
  const question = {
    ...{ compatibility, strategy, stateless, maxUnavailablePercentage },
    ...{ requires, installedComponents, skipChecks, smokeTests: [], pages: 1 },
    expectedInstances: plan.totalInstances,
    ...{ takesAll: false, targetVersion: snapshot.to.version },
  };
  return checksOf('PRE').map((check) => ({ check, first: examine(check, question) }));
}

/** Never passed unless it was seen: what could not be looked at is FAILED, and says why. */
export function resultsOf(checks: readonly BegunCheck[], { examined }: TargetView): CheckResult[] {
  return checks.map(({ check }, at) => {
    const { judgement = null, trouble = 'nobody looked', durationMs = 0 } = examined[at] ?? {};
    return resultOf(check, judgement ?? judgeNotCarriedOut(trouble), durationMs);
  });
}

/** POST would be refused with 409. */
export function besideActive(
  judgement: UpgradeJudgement,
  active: Execution | null,
): UpgradeJudgement {
  if (active === null) return judgement;
  const message = `another upgrade is active: ${active.id}, ${active.status}`;
  const blockers = [...judgement.blockers, { code: 'ANOTHER_IS_ACTIVE', message } as const];
  return { ...judgement, valid: false, blockers };
}

/** POST would not be refused, and the upgrade would end FAILED all the same. */
export function withNothingToTake(judgement: UpgradeJudgement, listed: number): UpgradeJudgement {
  const message = `all ${String(listed)} instances are on the target version: nothing would be taken`;
  const warning: Warning = { code: 'NOTHING_TO_TAKE', message };
  return { ...judgement, warnings: [...judgement.warnings, warning] };
}

/** Of the same strategy if any was: a whole new set takes another time than a batch in place. */
export function batchWorkOf(
  { all, byStrategy }: Tallies,
  strategy: CreateExecution['plan']['strategy'],
): BatchWork | null {
  const same = byStrategy.find(({ key }) => key === strategy)?.tally.batchWork ?? null;
  return same ?? all.batchWork;
}
