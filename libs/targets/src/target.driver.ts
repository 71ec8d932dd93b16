/**
 * What stands between the orchestrator and whatever an instance is: a process behind a proxy, a row
 * of a rehearsal, later a pod. Nothing above this file may assume how an instance is run.
 *
 * A driver speaks of sets of instances and every operation is asynchronous: `submit` answers as
 * soon as the target has accepted (or refused), `poll` tells how it stands. (Source: spec §8.)
 */

/**
 * Who may operate, compared by `handOver` first, then `epoch`. The orchestrator raises `handOver`
 * when work passes to another service (start, rollback, forced cancel); `epoch` is the shard epoch
 * of whichever process drives the target now. A target keeps the highest it has seen for each
 * instance and refuses lower ones.
 */
export interface Fence {
  readonly handOver: number;
  readonly epoch: number;
}

/** Negative when `a` is lower, 0 when equal, positive when higher. */
export function compareFences(a: Fence, b: Fence): number {
  return a.handOver - b.handOver || a.epoch - b.epoch;
}

/** A deployment's `target`: the driver's name and its own settings, which each driver checks itself. */
export interface TargetSettings {
  readonly driver: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface Capabilities {
  /** Can run a second set beside the first (createSet, switch, retireSet). */
  readonly sets: boolean;
  /** Can give a set a share of the traffic. */
  readonly weights: boolean;
  readonly backups: boolean;
  readonly metrics: boolean;
}

/** An instance as the target sees it at this moment. */
export interface ObservedInstance {
  readonly id: string;
  /** The version the instance itself reports (semver), or null when it does not answer. */
  readonly version: string | null;
  /** New requests are routed to it. */
  readonly admitted: boolean;
  /** Its health endpoint says so. */
  readonly healthy: boolean;
  /** What is wrong, in a sentence, when not healthy; else null. */
  readonly problem: string | null;
  /**
   * Nothing could be found out: not healthy, because nothing said so, and not known to be unwell.
   * Left out: false.
   */
  readonly noData?: boolean | undefined;
  /** The highest fence that has operated it, where the target says so. Left out: none, or unsaid. */
  readonly fence?: Fence | undefined;
}

/** A set of instances. Traffic goes to exactly one of a target's sets, the live one. */
export interface SetInfo {
  /** `[a-z0-9][a-z0-9-]{0,62}`; unique in the target. */
  readonly name: string;
  readonly live: boolean;
  /** How many instances it has, running or not. */
  readonly listed: number;
}

export interface ListQuery {
  /** Of this set; left out: of the live one, or with `ids` of any. An unknown set has none. */
  readonly set?: string;
  /** Only these ids (at most 1,000); an id that is not in the answer is not there any more. */
  readonly ids?: readonly string[];
  /** Only instances that are down: not both admitted and healthy. */
  readonly downOnly?: boolean;
  /** `nextCursor` of the page before; left out: from the first. */
  readonly cursor?: string;
  /** 1–1,000. */
  readonly limit: number;
}

export interface ListPage {
  /** Ordered by id. */
  readonly instances: readonly ObservedInstance[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** Of the live set. */
export interface RoomCount {
  /** All instances it has. */
  readonly listed: number;
  /** Down: not both admitted and healthy; without those named in `except`. */
  readonly down: number;
  /** How many instances the target could run beside all it has. */
  readonly spare: number;
}

/** What can be done to one instance. */
export type InstanceVerb = 'drain' | 'bring' | 'readmit';

/**
 * `id` is `(execution, index, attempt, verb)` and does not contain the fence: the same id under a
 * higher fence is adopted, not begun again; another id under a higher fence supersedes what runs.
 */
export interface InstanceOperation {
  readonly id: string;
  readonly instanceId: string;
  readonly verb: InstanceVerb;
  /** drain: ends when nothing is under way, or after this long; then connections are closed. */
  readonly drainTimeoutMs?: number;
  /** bring: the version to reach (semver) and what the driver needs to run it. */
  readonly version?: string;
  readonly artifacts?: Readonly<Record<string, string>>;
}

/** What can be done to a set as a whole. */
export type SetVerb = 'createSet' | 'switch' | 'retireSet' | 'weigh';

/**
 * Like an instance's operation: asynchronous, begun once for each `id`, `(execution, number, verb)`.
 * A target keeps one highest fence for all operations on its sets, and refuses lower ones.
 *
 * createSet: `size` places with ids that sort in their order, in which nothing runs until each is
 *   brought. A set of that name that is there already is adopted, and filled up to `size`.
 * switch: all new requests go to the set from one moment on; what is under way in the other ends
 *   there. FAILED when the set is not there or has no healthy admitted instance. A set that is live
 *   already: SUCCEEDED.
 * retireSet: what is under way ends (or is closed after `drainTimeoutMs`), then everything of the
 *   set goes. One that is not there: SUCCEEDED. The live one: FAILED.
 * weigh: admitted instances of `version` in the live set together get `percentage` of its requests,
 *   all others the rest; null: requests are spread by the number of instances again.
 */
export interface SetOperation {
  readonly id: string;
  readonly verb: SetVerb;
  /** The set it acts upon; null for `weigh`: the live one. */
  readonly set: string | null;
  /** createSet: 1–1,000,000. */
  readonly size?: number;
  /** retireSet. */
  readonly drainTimeoutMs?: number;
  /** weigh: semver. */
  readonly version?: string;
  /** weigh: 1–100 or null. */
  readonly percentage?: number | null;
}

/** A backup of what the instances keep, as the target knows it. */
export interface Backup {
  readonly id: string;
  /** ms since 1970 */
  readonly takenAtMs: number;
  /** Somebody has restored it, or checked it in another way. */
  readonly verified: boolean;
}

export interface MetricQuery {
  /** What the target understands by it: the name of one of its own metrics. */
  readonly query: string;
  /** The instances over which it is to be taken (at most 1,000). */
  readonly ids: readonly string[];
}

export type OperationState =
  | { readonly id: string; readonly state: 'RUNNING' }
  | { readonly id: string; readonly state: 'SUCCEEDED'; readonly closedConnections?: number }
  | {
      readonly id: string;
      readonly state: 'FAILED';
      readonly reason: string;
      /** The instance is not there any more. */
      readonly vanished?: boolean;
    }
  /** A higher fence is known for the instance: whoever asked is no longer its driver. */
  | { readonly id: string; readonly state: 'REFUSED'; readonly fence: Fence }
  /** Never submitted, or forgotten: submit it (again). */
  | { readonly id: string; readonly state: 'UNKNOWN' };

/** The target could not be asked, or did not answer in time. What it did is not known. */
export class TargetUnreachableError extends Error {
  override readonly name = 'TargetUnreachableError';
}

/** The settings do not fit the driver: each problem names its field. */
export class TargetSettingsError extends Error {
  override readonly name = 'TargetSettingsError';
  constructor(readonly problems: readonly { readonly field: string; readonly expected: string }[]) {
    super(problems.map((p) => `${p.field}: ${p.expected}`).join('; '));
  }
}

/**
 * One target, opened from a deployment's settings. Every call is bounded by the driver's own time
 * limit and by `signal`, and throws {@link TargetUnreachableError} when there is no answer; it never
 * throws for what an instance does wrong, which is an {@link OperationState} or a
 * {@link ObservedInstance}.
 */
export abstract class TargetDriver {
  abstract capabilities(signal?: AbortSignal): Promise<Capabilities>;
  /** Pages of instances ordered by id. */
  abstract list(query: ListQuery, signal?: AbortSignal): Promise<ListPage>;
  /** Counts, taken now. `except`: ids the caller counts itself (at most 10,000). */
  abstract room(except: readonly string[], signal?: AbortSignal): Promise<RoomCount>;
  /**
   * Hands over operations on instances (at most 1,000). Answers one state for each, in order:
   * RUNNING, or at once SUCCEEDED or FAILED, or REFUSED. Repeating an id never begins it again.
   */
  abstract submit(
    operations: readonly InstanceOperation[],
    fence: Fence,
    signal?: AbortSignal,
  ): Promise<OperationState[]>;
  /**
   * How the operations stand (at most 1,000), one state for each, in order. Waits up to `waitMs`
   * for the first of them to end, so that nobody needs to poll in a circle; carries no fence.
   */
  abstract poll(
    operations: readonly { readonly id: string; readonly instanceId: string }[],
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<OperationState[]>;

  /** All sets the target has, ordered by name: at least the live one. */
  abstract sets(signal?: AbortSignal): Promise<SetInfo[]>;
  /** Like `submit`, for an operation on a set. One the target cannot do at all: FAILED. */
  abstract submitSet(
    operation: SetOperation,
    fence: Fence,
    signal?: AbortSignal,
  ): Promise<OperationState>;
  /** Like `poll`, for an operation on a set. */
  abstract pollSet(id: string, waitMs: number, signal?: AbortSignal): Promise<OperationState>;
  /** The latest first, at most 100. None where the target keeps no backups. */
  abstract backups(signal?: AbortSignal): Promise<Backup[]>;
  /** One value over the named instances; null: no data. */
  abstract metric(query: MetricQuery, signal?: AbortSignal): Promise<number | null>;
  /** Where the set answers requests, as a base URL; null: it answers none. */
  abstract address(set: string | null, signal?: AbortSignal): Promise<string | null>;
}

/** Opens targets; the one thing services are given. Throws {@link TargetSettingsError}. */
export abstract class TargetDrivers {
  abstract open(target: TargetSettings): TargetDriver;
  /** Checks settings without opening anything. Throws {@link TargetSettingsError}. */
  abstract check(target: TargetSettings): void;
}
