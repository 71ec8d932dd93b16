/** Whether an upgrade may be asked for, in one place for `validate`, `create` and its evidence. */
import type {
  Blocker,
  BlockerCode,
  JudgedVersion,
  RiskLevel,
  SkippableCheck,
  UpgradeJudgement,
  UpgradeQuestion,
  UpgradeStep,
  UpgradeType,
  Warning,
} from './compatibility.js';
import { judgeDependents, judgePlatform, judgeRequirements } from './requirements.js';
import { compareVersions, isPreRelease, parseVersion, type SemVer } from './semver.js';
import { findSteps, stepOf, upgradeTypeOf } from './upgrade-path.js';

const RISK_OF: Readonly<Record<UpgradeType, RiskLevel>> = {
  PATCH: 'LOW',
  MINOR: 'MEDIUM',
  MAJOR: 'HIGH',
};
const RAISED: Readonly<Record<RiskLevel, RiskLevel>> = {
  LOW: 'MEDIUM',
  MEDIUM: 'HIGH',
  HIGH: 'HIGH',
};

/**
 * All there is to the risk: a patch is LOW, a minor MEDIUM, a major HIGH, and each is raised by one
 * level, once, when the way requires downtime or anything was warned of.
 */
function riskOf(type: UpgradeType, requiresDowntime: boolean, warnings: number): RiskLevel {
  return requiresDowntime || warnings > 0 ? RAISED[RISK_OF[type]] : RISK_OF[type];
}

/**
 * Judges an upgrade by its versions, the way between them and what runs around it (spec §6). All
 * blockers are listed, not just the first. Several steps are valid here; an execution takes exactly
 * one and says so itself ({@link judgeSingleStep}).
 */
export function judgeUpgrade(question: UpgradeQuestion): UpgradeJudgement {
  const { from, to, surroundings, isRevert = false } = question;
  const [fromSemver, toSemver] = [readVersion(from), readVersion(to)];
  const order = compareVersions(fromSemver, toSemver);
  const upgradeType = upgradeTypeOf(fromSemver, toSemver);
  const { steps, blockers: wayBlockers } = isRevert
    ? judgeWayBack(question)
    : judgeWay(question, order, upgradeType);
  const requiresDowntime = steps.some((step) => step.registered?.requiresDowntime === true);
  const blockers: Blocker[] = [
    ...judgeEnds(question, order),
    ...wayBlockers,
    ...judgeStatus(to, isRevert),
    ...(isRevert ? [] : judgeDowntime(question, requiresDowntime)),
    ...(surroundings === null
      ? []
      : [
          ...judgePlatform(to, surroundings.platformVersion),
          ...judgeRequirements(to, surroundings),
        ]),
  ];
  const warnings: Warning[] = [
    ...warningsOf(question, toSemver, steps),
    ...(surroundings === null ? [] : judgeDependents(question.componentName, to, surroundings)),
  ];
  return {
    valid: blockers.length === 0,
    upgradeType,
    riskLevel: riskOf(upgradeType, requiresDowntime, warnings.length),
    requiresDowntime,
    steps,
    blockers,
    warnings,
  };
}

interface JudgedWay {
  readonly steps: readonly UpgradeStep[];
  readonly blockers: readonly Blocker[];
}

/** Without an upward way there is nothing to search; other reasons are named by their own blocker. */
function judgeWay(question: UpgradeQuestion, order: number, upgradeType: UpgradeType): JudgedWay {
  const { from, to, versions, paths } = question;
  if (from.componentId !== to.componentId || order === 0) return { steps: [], blockers: [] };
  if (order > 0) {
    const message = `${to.version} is older than ${from.version}: going back is a revert of the execution that went forward`;
    return { steps: [], blockers: [{ code: 'DOWNGRADE', message }] };
  }
  const steps = findSteps(from, to, versions, paths);
  return { steps, blockers: steps.length === 0 ? [noPath(from, to, upgradeType)] : [] };
}

/** Back to where it came from is one step, whatever was registered. */
function judgeWayBack({ from, to }: UpgradeQuestion): JudgedWay {
  const isWay = from.componentId === to.componentId && from.id !== to.id;
  return { steps: isWay ? [stepOf(from, to, null)] : [], blockers: [] };
}

/** An execution takes one step: several are several executions (spec §6). */
export function judgeSingleStep(steps: readonly UpgradeStep[]): Blocker[] {
  if (steps.length <= 1) return [];
  const way = [steps[0]?.fromVersion, ...steps.map((step) => step.toVersion)].join(' → ');
  const message = `the way takes ${steps.length} steps, ${way}: an execution takes one; begin with ${steps[0]?.toVersion ?? ''}`;
  return [{ code: 'SEVERAL_STEPS', message }];
}

/** What a check would find: it says nothing when a person has skipped that check. */
const FOUND_BY: Partial<Record<BlockerCode, readonly SkippableCheck[]>> = {
  PLATFORM_VERSION_UNKNOWN: ['VERSION_COMPATIBILITY'],
  PLATFORM_TOO_OLD: ['VERSION_COMPATIBILITY'],
  PLATFORM_TOO_NEW: ['VERSION_COMPATIBILITY'],
  REQUIREMENT_MISSING: ['VERSION_COMPATIBILITY', 'DEPENDENCY_CHECK'],
  REQUIREMENT_NOT_MET: ['VERSION_COMPATIBILITY', 'DEPENDENCY_CHECK'],
  // What really runs beside it is none of the dependency check's business.
  NEIGHBOUR_OUT_OF_RANGE: ['VERSION_COMPATIBILITY'],
};

/**
 * The judgement with what skipped checks would have found as warnings: a person has said why it
 * does not matter. What makes the way itself impossible stays a blocker whatever is skipped.
 */
export function waiveSkipped(
  judgement: UpgradeJudgement,
  skipped: readonly SkippableCheck[],
): UpgradeJudgement {
  const isWaived = ({ code }: Blocker): boolean =>
    FOUND_BY[code]?.some((check) => skipped.includes(check)) === true;
  const waived = judgement.blockers.filter(isWaived).map(({ message }): Warning => {
    return { code: 'CHECK_SKIPPED', message: `skipped: ${message}` };
  });
  const blockers = judgement.blockers.filter((blocker) => !isWaived(blocker));
  const warnings = [...judgement.warnings, ...waived];
  return { ...judgement, valid: blockers.length === 0, blockers, warnings };
}

function judgeEnds({ from, to }: UpgradeQuestion, order: number): Blocker[] {
  if (from.componentId !== to.componentId) {
    const message = `versions ${from.version} and ${to.version} belong to different components`;
    return [{ code: 'OTHER_COMPONENT', message }];
  }
  if (from.id === to.id || order === 0) {
    return [{ code: 'SAME_VERSION', message: `both versions are ${to.version}` }];
  }
  return [];
}

function judgeStatus(to: JudgedVersion, isRevert: boolean): Blocker[] {
  if (to.status === 'DRAFT') {
    return [
      { code: 'TARGET_DRAFT', message: `version ${to.version} is a DRAFT, not released yet` },
    ];
  }
  if (to.status === 'END_OF_LIFE' && !isRevert)
    return [{ code: 'TARGET_END_OF_LIFE', message: endOfLife(to) }];
  return [];
}

function endOfLife({ version }: JudgedVersion): string {
  return `version ${version} is at its END_OF_LIFE`;
}

function noPath(from: JudgedVersion, to: JudgedVersion, type: UpgradeType): Blocker {
  const kind = type === 'MAJOR' ? 'a new major' : 'a skipped minor';
  const message = `${to.version} is ${kind} from ${from.version}, and no registered upgrade paths lead there`;
  return { code: 'NO_PATH', message };
}

function judgeDowntime(
  { strategy, allowDowntime }: UpgradeQuestion,
  requiresDowntime: boolean,
): Blocker[] {
  if (!requiresDowntime || allowDowntime || strategy === 'RECREATE') return [];
  const message = `the upgrade path requires downtime: choose RECREATE, or allow it with allowDowntime`;
  return [{ code: 'REQUIRES_DOWNTIME', message }];
}

function warningsOf(
  { to, versions, isRevert = false }: UpgradeQuestion,
  semver: SemVer,
  steps: readonly UpgradeStep[],
): Warning[] {
  const warnings: Warning[] = [];
  // On a way forward it is a blocker.
  if (isRevert && to.status === 'END_OF_LIFE') {
    warnings.push({ code: 'TARGET_END_OF_LIFE', message: endOfLife(to) });
  }
  if (to.status === 'DEPRECATED') {
    warnings.push({ code: 'TARGET_DEPRECATED', message: `version ${to.version} is DEPRECATED` });
  }
  if (isPreRelease(semver)) {
    warnings.push({ code: 'PRE_RELEASE', message: `version ${to.version} is a pre-release` });
  }
  for (const { toVersionId } of steps.slice(0, -1)) {
    warnings.push(...versions.filter(({ id }) => id === toVersionId).flatMap(warningsOfStep));
  }
  for (const step of steps) {
    if (step.registered === null || step.registered.tested) continue;
    const message = `the path ${step.fromVersion} → ${step.toVersion} is registered as not tested`;
    warnings.push({ code: 'UNTESTED_PATH', message });
  }
  return warnings;
}

/** Of a version that the way only goes over. */
function warningsOfStep(version: JudgedVersion): Warning[] {
  const over = `the way goes over ${version.version}, which is`;
  const warnings: Warning[] = [];
  if (isPreRelease(readVersion(version))) {
    warnings.push({ code: 'PRE_RELEASE', message: `${over} a pre-release` });
  }
  if (version.status === 'DEPRECATED') {
    warnings.push({ code: 'STEP_DEPRECATED', message: `${over} DEPRECATED` });
  }
  return warnings;
}

function readVersion({ version }: JudgedVersion): SemVer {
  const parsed = parseVersion(version);
  // Registered versions are checked when they come in; anything else is a bug of ours.
  if (parsed === null) throw new Error(`registered version ${version} is not semver`);
  return parsed;
}
