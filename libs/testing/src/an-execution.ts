/** Executions as a test needs them: `anExecution().inProgress().withCounters({ PENDING: 3 })`. */
import {
  createExecution,
  isTerminal,
  NO_INSTANCES,
  type Canary,
  type Execution,
  type ExecutionPlan,
  type ExecutionStatus,
  type InstanceCounters,
  type NewSet,
  type NewSetState,
  type Paused,
  type Rollback,
  type RoomReading,
  type SetOperation,
  type Stopping,
  type TerminalStatus,
} from '#core/execution/execution.js';
import { REQUEST_DEFAULTS } from '#core/limits.js';

/** When the builders' executions live. */
export const T0 = Date.UTC(2030, 0, 1);

export const EXECUTION_ID = '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b';
export const COMPONENT_ID = '0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b';

export function aPlan(over: Partial<ExecutionPlan> = {}): ExecutionPlan {
  const version = (id: string, number: string) => ({
    id: `${id}${id}${id}${id}${id}${id}${id}${id}-0000-4000-8000-000000000000`,
    version: number,
    artifacts: { image: `orders:${number}` },
  });
  const { strategy, ...defaults } = REQUEST_DEFAULTS;
  return {
    ...defaults,
    strategy,
    from: version('a', '1.0.0'),
    to: version('b', '2.0.0'),
    totalInstances: null,
    initiatedBy: 'ann',
    drainTimeoutSeconds: 30,
    newSet: null,
    staleSet: null,
    ...over,
  };
}

type Fields = Readonly<Record<string, unknown>>;

const NOT_MOVING_YET: Fields = {
  listing: { cursor: null, complete: true, alreadyThere: 0 },
  room: null,
  roomWanted: false,
  batch: null,
  nextBatchAtMs: null,
  postChecksAskedAtMs: null,
  postChecksAnswered: false,
  setOperation: null,
  setFailure: null,
  staleSet: null,
  approvedStage: 0,
  workSinceMs: T0,
};

/** The watch as it begins at T0; over in ten minutes. */
export function aCanary(over: Partial<Canary> = {}): Canary {
  return {
    beganAtMs: T0,
    endsAtMs: T0 + REQUEST_DEFAULTS.canaryDurationSeconds * 1_000,
    verdict: null,
    reason: 'no sample yet',
    durationOver: false,
    totals: { PASS: 0, FAIL: 0, NO_DATA: 0, ERROR: 0 },
    samples: [],
    lastHeardAtMs: T0,
    ...over,
  };
}

export function aRollback(over: Partial<Rollback> = {}): Rollback {
  const asked = { reason: 'it looks wrong', initiatedAtMs: T0, initiatedBy: 'ann' };
  return { ...asked, askedAgain: false, agentDone: false, leftOver: [], ...over };
}

/** The set that takes over, beside one named `blue`; its instances have no names yet. */
export function aNewSet(state: NewSetState, over: Partial<NewSet> = {}): NewSet {
  const previous = state === 'CREATING' ? null : 'blue';
  return { name: EXECUTION_ID, state, previous, named: 0, cursor: null, leftBehind: null, ...over };
}

class ExecutionBuilder {
  #plan: ExecutionPlan = aPlan();
  #counters: InstanceCounters = NO_INSTANCES;
  readonly #fields: Record<string, unknown> = {};

  /** PENDING, as it was created. */
  constructor(private readonly status: ExecutionStatus = 'PENDING') {}

  validating(): ExecutionBuilder {
    const listing = { cursor: null, complete: false, alreadyThere: 0 };
    return this.#begun('VALIDATING').with({ listing, checksPassed: false });
  }

  /** Checks passed, nothing begun yet. */
  inProgress(): ExecutionBuilder {
    return this.#moving('IN_PROGRESS');
  }

  canaryRunning(): ExecutionBuilder {
    return this.#moving('CANARY_RUNNING').withPlan({ strategy: 'CANARY' });
  }

  /** All canaries are COMPLETED, have their share of the traffic and are watched. */
  canaryMonitoring(canary: Partial<Canary> = {}): ExecutionBuilder {
    const share = this.#plan.canaryPercentage;
    return this.#moving('CANARY_MONITORING')
      .withPlan({ strategy: 'CANARY' })
      .with({ canary: aCanary(canary), weighed: share, setOperations: 1 })
      .with({ waitingFor: { kind: 'PROMOTION', who: 'operator', sinceMs: T0 } });
  }

  /** Paused at T0, by an operator unless said otherwise. */
  paused(
    pauseReason: Paused['pauseReason'] = 'OPERATOR',
    pausedFrom: Paused['pausedFrom'] = 'IN_PROGRESS',
  ): ExecutionBuilder {
    const kind = pauseReason === 'OPERATOR' ? 'RESUME' : 'APPROVAL';
    return this.#moving('PAUSED')
      .with({ pausedFrom, pauseReason, pausedAtMs: T0 })
      .with({ waitingFor: { kind, who: 'operator', sinceMs: T0 } });
  }

  /** BLUE_GREEN under way; while the set is CREATING that is what is under way. */
  blueGreen(state: NewSetState, over: Partial<NewSet> = {}): ExecutionBuilder {
    const begun = this.inProgress().withPlan({ strategy: 'BLUE_GREEN' });
    const withSet = begun.with({ newSet: aNewSet(state, over), setOperations: 1 });
    return state === 'CREATING' ? withSet.withSetOperation('CREATE') : withSet;
  }

  rollingBack(reason = 'it looks wrong'): ExecutionBuilder {
    return this.#begun('ROLLING_BACK').with({
      handOver: 2,
      listing: NOT_MOVING_YET['listing'],
      failureReason: reason,
      rollback: aRollback({ reason }),
    });
  }

  ended(status: TerminalStatus): ExecutionBuilder {
    const failureReason = status === 'COMPLETED' ? null : 'it went wrong';
    const rollback = status === 'ROLLED_BACK' ? aRollback({ agentDone: true }) : null;
    return this.#begun(status).with({ completedAtMs: T0, failureReason, rollback });
  }

  /** In any status at all, with what that status needs. */
  in(status: ExecutionStatus): ExecutionBuilder {
    if (isTerminal(status)) return this.ended(status);
    if (status === 'PENDING') return this;
    if (status === 'VALIDATING') return this.validating();
    if (status === 'ROLLING_BACK') return this.rollingBack();
    if (status === 'PAUSED') return this.paused();
    if (status === 'CANARY_RUNNING') return this.canaryRunning();
    if (status === 'CANARY_MONITORING') return this.canaryMonitoring();
    return this.inProgress();
  }

  withPlan(over: Partial<ExecutionPlan>): ExecutionBuilder {
    return this.#copy((it) => (it.#plan = { ...it.#plan, ...over }));
  }

  /** How many instances stand where; all the rest is nobody. */
  withCounters(counters: Partial<InstanceCounters>): ExecutionBuilder {
    return this.#copy((it) => (it.#counters = { ...NO_INSTANCES, ...counters }));
  }

  /** A count of the room: so many others are down; with a list, PENDING ones of ours by index. */
  withRoom(othersDown: number, over: Partial<RoomReading> = {}): ExecutionBuilder {
    return this.with({ room: { othersDown, downPending: [], countedAtMs: T0, ...over } });
  }

  /** A batch that was begun, so that what is touched was touched by it. */
  withBatch(number = 1, size = 5): ExecutionBuilder {
    return this.with({ batch: { number, size } });
  }

  /** The operation on a set that is under way; of the new set, unless it weighs. */
  withSetOperation(verb: SetOperation['verb'], over: Partial<SetOperation> = {}): ExecutionBuilder {
    const set = verb === 'WEIGH' ? null : EXECUTION_ID;
    const setOperation = { number: 1, verb, set, percentage: null, sinceMs: T0, ...over };
    return this.with({ setOperation, setOperations: setOperation.number });
  }

  stopping(to: Stopping['to'] = 'CANCELLED'): ExecutionBuilder {
    return this.with({ stopping: { to, reason: 'enough', by: 'ann' } });
  }

  with(fields: Fields): ExecutionBuilder {
    return this.#copy((it) => Object.assign(it.#fields, fields));
  }

  build(): Execution {
    const plan = this.#plan;
    const ids = { id: EXECUTION_ID, tenantId: 'acme', componentId: COMPONENT_ID };
    const created = createExecution(
      { ...ids, kind: 'UPGRADE', revertOf: null, plan, handOver: 0 },
      T0,
    );
    const total = Object.values(this.#counters).reduce((sum, count) => sum + count, 0);
    const counted = { counters: this.#counters, total, listed: total };
    return { ...created, ...counted, ...this.#fields, status: this.status } as Execution;
  }

  #moving(status: ExecutionStatus): ExecutionBuilder {
    return this.#begun(status).with({ ...NOT_MOVING_YET, ...this.#fields });
  }

  #begun(status: ExecutionStatus): ExecutionBuilder {
    const it = new ExecutionBuilder(status);
    it.#plan = this.#plan;
    it.#counters = this.#counters;
    const begun = { handOver: 1, revision: 2, sequence: 1, startedAtMs: T0, waitingFor: null };
    return it.with({ ...begun, ...this.#fields });
  }

  #copy(change: (copy: ExecutionBuilder) => void): ExecutionBuilder {
    const it = new ExecutionBuilder(this.status);
    it.#plan = this.#plan;
    it.#counters = this.#counters;
    Object.assign(it.#fields, this.#fields);
    change(it);
    return it;
  }
}

export type { ExecutionBuilder };

export function anExecution(): ExecutionBuilder {
  return new ExecutionBuilder();
}
