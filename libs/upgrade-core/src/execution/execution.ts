/**
 * The execution: one tenant's component on its way from one version to another.
 *
 * It holds counters and ranges, never its instances: deciding costs the same for ten and for a
 * million. Which instances moved is known to the store and written in the facts.
 */
import type { CanarySample, CanaryVerdict, SampleTotals } from '../canary/canary-samples.js';

export const EXECUTION_STATUSES = [
  'PENDING',
  'VALIDATING',
  'IN_PROGRESS',
  'CANARY_RUNNING',
  'CANARY_MONITORING',
  'PAUSED',
  'ROLLING_BACK',
  'ROLLED_BACK',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

export const TERMINAL_STATUSES = ['ROLLED_BACK', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number];

export function isTerminal(status: ExecutionStatus): status is TerminalStatus {
  return (TERMINAL_STATUSES as readonly string[]).includes(status);
}

export const INSTANCE_STATUSES = [
  'PENDING',
  'DRAINING',
  'UPGRADING',
  'HEALTH_CHECKING',
  'COMPLETED',
  'FAILED',
  'ROLLED_BACK',
] as const;
export type InstanceStatus = (typeof INSTANCE_STATUSES)[number];

/** Steps of an instance during which a target is working on it: it counts as under way. */
export const STEPS = ['DRAINING', 'UPGRADING', 'HEALTH_CHECKING'] as const;
export type Step = (typeof STEPS)[number];

export const STRATEGY_NAMES = ['ROLLING', 'CANARY', 'BLUE_GREEN', 'RECREATE', 'STAGED'] as const;
export type StrategyName = (typeof STRATEGY_NAMES)[number];

export type ExecutionKind = 'UPGRADE' | 'REVERT';

export type InstanceCounters = Readonly<Record<InstanceStatus, number>>;

/** A version as it stood when the execution was created. */
export interface PlannedVersion {
  readonly id: string;
  /** semver */
  readonly version: string;
  /** What the driver needs to run it: a command, an image, a chart. */
  readonly artifacts: Readonly<Record<string, string>>;
}

/** What was asked for, frozen at creation. Percentages are whole numbers, times as named. */
export interface ExecutionPlan {
  readonly from: PlannedVersion;
  readonly to: PlannedVersion;
  readonly strategy: StrategyName;
  readonly canaryPercentage: number;
  readonly batchSize: number;
  readonly batchDelaySeconds: number;
  readonly healthCheckIntervalSeconds: number;
  readonly healthCheckTimeoutSeconds: number;
  readonly maxUnavailablePercentage: number;
  /** How many to take; null: all there are. */
  readonly totalInstances: number | null;
  readonly autoRollbackEnabled: boolean;
  readonly failureThreshold: number;
  readonly initiatedBy: string | null;
  readonly allowDowntime: boolean;
  readonly canaryDurationSeconds: number;
  readonly autoPromote: boolean;
  readonly blueGreenRetentionSeconds: number;
  readonly drainTimeoutSeconds: number;
  /** BLUE_GREEN: the set that takes over, a new one or one that was kept; else null. */
  readonly newSet: string | null;
  /** A set that an earlier upgrade has kept and that goes before anything is touched. */
  readonly staleSet: string | null;
}

/** How far the paging of the target's instances into rows has come. */
export interface Listing {
  /** Where the next page begins; null before the first. */
  readonly cursor: string | null;
  readonly complete: boolean;
  /** Instances that were on the target version already and so are not taken. */
  readonly alreadyThere: number;
}

/** A count of the target's instances at one moment; decides how many more may be taken down. */
export interface RoomReading {
  /** Down instances that are neither our FAILED nor our under way. */
  readonly othersDown: number;
  /** Of those, PENDING ones of ours, by index, ascending: they go first and need no room. */
  readonly downPending: readonly number[];
  readonly countedAtMs: number;
}

/** The execution is on its way to a terminal status and only waits for what is under way. */
export interface Stopping {
  readonly to: 'CANCELLED' | 'FAILED';
  readonly reason: string;
  readonly by: string;
}

/** The batch that was begun last; settled when nothing is under way any more. */
export interface Batch {
  /** 1, 2, 3… over the whole execution. */
  readonly number: number;
  readonly size: number;
}

export type WaitingKind = 'START' | 'ROOM' | 'PROMOTION' | 'APPROVAL' | 'RESUME';

export interface Waiting {
  readonly kind: WaitingKind;
  /** Whom it waits for. */
  readonly who: string;
  readonly sinceMs: number;
}

export type CheckOutcome = 'PASSED' | 'FAILED' | 'WARNING' | 'SKIPPED';

/** One check's answer as a validator gave it (spec §6). */
export interface CheckResult {
  readonly check: string;
  readonly outcome: CheckOutcome;
  /** What was found, in a sentence. */
  readonly summary: string;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly durationMs: number;
}

/** An instance a rollback could not bring back, and why. */
export interface LeftOver {
  readonly instanceId: string;
  readonly reason: string;
}

/** The watch over the canaries, as its last result said. Times are ms since the epoch. */
export interface Canary {
  readonly beganAtMs: number;
  /** When `canaryDurationSeconds` are over. */
  readonly endsAtMs: number;
  /** Null before the first sample. UNHEALTHY is latched: nothing takes it back. */
  readonly verdict: CanaryVerdict | null;
  /** Why the verdict is what it is, in a sentence. */
  readonly reason: string;
  readonly durationOver: boolean;
  readonly totals: SampleTotals;
  /** The latest, at most 20, oldest first. */
  readonly samples: readonly CanarySample[];
  readonly lastHeardAtMs: number;
}

/** CREATING: perhaps there. STANDING: beside the live one. UNKNOWN: its rollback did not end well. */
export type NewSetState = 'CREATING' | 'STANDING' | 'LIVE' | 'RETIRED' | 'UNKNOWN';

/** BLUE_GREEN: the set that takes over. */
export interface NewSet {
  readonly name: string;
  readonly state: NewSetState;
  /** The set that was live before; null until the new one is created. */
  readonly previous: string | null;
  /** Of how many rows the instance is known by its id: the first ones by index. */
  readonly named: number;
  /** Where the next page of its instances begins; null: at the first. */
  readonly cursor: string | null;
  /** It was to be retired and could not be: why. */
  readonly leftBehind: string | null;
}

export type SetVerb = 'CREATE' | 'SWITCH' | 'RETIRE' | 'WEIGH';

/** The operation on a set that is under way: one at a time, and nothing else begins meanwhile. */
export interface SetOperation {
  /** 1, 2, 3… over the whole execution; its id at the target is made of this. */
  readonly number: number;
  readonly verb: SetVerb;
  /** Null: the live one (WEIGH). */
  readonly set: string | null;
  /** WEIGH: the share of the new version; null: by the number of instances. */
  readonly percentage: number | null;
  readonly sinceMs: number;
}

/** RollbackInfo of seed 003, as far as it is not in the plan. */
export interface Rollback {
  readonly reason: string;
  readonly initiatedAtMs: number;
  readonly initiatedBy: string;
  /** The agent was silent past its deadline and has been asked again. */
  readonly askedAgain: boolean;
  /** The agent has said that it is done with all pages. */
  readonly agentDone: boolean;
  readonly leftOver: readonly LeftOver[];
}

/** What all statuses have in common. Times are milliseconds since the epoch. */
interface ExecutionFacts {
  readonly id: string;
  readonly tenantId: string;
  readonly componentId: string;
  readonly kind: ExecutionKind;
  readonly plan: ExecutionPlan;
  /** Raised by one with every decision that changed anything. */
  readonly revision: number;
  /** Sequence of the last progress event; 0 before the first. */
  readonly sequence: number;
  /** N: all the instances the target listed. */
  readonly listed: number;
  /** How many of them this execution takes. */
  readonly total: number;
  readonly counters: InstanceCounters;
  /** Of the FAILED ones, those not yet tried again. */
  readonly failedOnce: number;
  /**
   * How many left PENDING by name and not by their turn. All others left it in order of their
   * index, so `total − PENDING − takenByName` is a cursor: nobody below it is PENDING.
   */
  readonly takenByName: number;
  readonly handOver: number;
  readonly stopping: Stopping | null;
  readonly waitingFor: Waiting | null;
  readonly lastProgressAtMs: number;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly completedAtMs: number | null;
  readonly preChecks: readonly CheckResult[];
  readonly postChecks: readonly CheckResult[];
  readonly rollback: Rollback | null;
  /** Of a REVERT: the execution whose moves it takes back. */
  readonly revertOf: string | null;
  /** Null before CANARY_MONITORING, and for all other strategies. */
  readonly canary: Canary | null;
  /** Null for all strategies but BLUE_GREEN. */
  readonly newSet: NewSet | null;
  /** Share of the traffic that was given to the new version; null: by the number of instances. */
  readonly weighed: number | null;
  /** Number of the last operation on a set; 0: none. */
  readonly setOperations: number;
  /** Why it ended as it did, in a sentence; null while it runs or when all is well. */
  readonly failureReason: string | null;
  /** COMPLETED: how long one of its batches took by itself, on average; null: nobody knows. */
  readonly batchWorkMs: number | null;
}

export interface Pending extends ExecutionFacts {
  readonly status: 'PENDING';
}

export interface Validating extends ExecutionFacts {
  readonly status: 'VALIDATING';
  readonly listing: Listing;
  /** Pre-upgrade checks have all passed (or warned, or were skipped). */
  readonly checksPassed: boolean;
}

/** Instances are being moved: the statuses in which the guards decide. */
interface Moving extends ExecutionFacts {
  readonly listing: Listing;
  readonly room: RoomReading | null;
  /** A count of the room has been asked for: without one nothing more can start. */
  readonly roomWanted: boolean;
  readonly batch: Batch | null;
  /** When the next batch may begin; null: not to be waited for. */
  readonly nextBatchAtMs: number | null;
  /** Post-upgrade checks have been asked for. */
  readonly postChecksAskedAtMs: number | null;
  /** They have been answered: `postChecks` says how. */
  readonly postChecksAnswered: boolean;
  readonly setOperation: SetOperation | null;
  /** Why an operation on a set failed, until it is judged. */
  readonly setFailure: string | null;
  /** A kept set that is still to be retired before anything is touched. */
  readonly staleSet: string | null;
  /** STAGED: number of the last batch that was approved; 0: none. */
  readonly approvedStage: number;
  /** Since when batches are worked at, moved on by what stands between them; null: nobody knows. */
  readonly workSinceMs: number | null;
}

export interface InProgress extends Moving {
  readonly status: 'IN_PROGRESS';
}

export interface CanaryRunning extends Moving {
  readonly status: 'CANARY_RUNNING';
}

export interface CanaryMonitoring extends Moving {
  readonly status: 'CANARY_MONITORING';
}

export type PauseReason = 'OPERATOR' | 'STAGE_APPROVAL';

export interface Paused extends Moving {
  readonly status: 'PAUSED';
  readonly pausedFrom: 'IN_PROGRESS' | 'CANARY_RUNNING';
  readonly pauseReason: PauseReason;
  readonly pausedAtMs: number;
}

export interface RollingBack extends ExecutionFacts {
  readonly status: 'ROLLING_BACK';
  readonly listing: Listing;
  readonly rollback: Rollback;
}

export interface Ended extends ExecutionFacts {
  readonly status: TerminalStatus;
  /** Left out when it ended before it was started. */
  readonly listing?: Listing;
}

export type Execution =
  | Pending
  | Validating
  | InProgress
  | CanaryRunning
  | CanaryMonitoring
  | Paused
  | RollingBack
  | Ended;

/** Statuses whose guards decide what starts next. */
export type Guarded = InProgress | CanaryRunning;

/** Statuses in which instances or sets may be under way. */
export type Stepping = Guarded | CanaryMonitoring | Paused;

export const NO_INSTANCES: InstanceCounters = {
  PENDING: 0,
  DRAINING: 0,
  UPGRADING: 0,
  HEALTH_CHECKING: 0,
  COMPLETED: 0,
  FAILED: 0,
  ROLLED_BACK: 0,
};

/** Instances a target is working on now (spec §3 "under way"). */
export function underWay(counters: InstanceCounters): number {
  return counters.DRAINING + counters.UPGRADING + counters.HEALTH_CHECKING;
}

/** Instances this execution has begun with: all but those still PENDING. */
export function touched(execution: Execution): number {
  return execution.total - execution.counters.PENDING;
}

/** Whom an execution waits for when nobody in particular is meant. */
export const ANYBODY = 'operator';

export type NewExecution = Pick<
  Pending,
  'id' | 'tenantId' | 'componentId' | 'kind' | 'revertOf' | 'plan' | 'handOver'
>;

/**
 * An execution as it is created: PENDING, revision 1, nothing listed yet. Its `handOver` goes on
 * where the deployment's last execution ended, or targets would take it for a stale driver.
 */
export function createExecution(asked: NewExecution, nowMs: number): Pending {
  return {
    ...asked,
    status: 'PENDING',
    revision: 1,
    sequence: 0,
    listed: 0,
    total: 0,
    counters: NO_INSTANCES,
    failedOnce: 0,
    takenByName: 0,
    stopping: null,
    waitingFor: { kind: 'START', who: asked.plan.initiatedBy ?? ANYBODY, sinceMs: nowMs },
    lastProgressAtMs: nowMs,
    createdAtMs: nowMs,
    startedAtMs: null,
    completedAtMs: null,
    preChecks: [],
    postChecks: [],
    rollback: null,
    canary: null,
    newSet: null,
    weighed: null,
    setOperations: 0,
    failureReason: null,
    batchWorkMs: null,
  };
}
