/**
 * The smallest world an execution can live in: instances, a validator, a rollback agent and timers,
 * each no more than what is asked of it and not yet answered. It keeps its own books about the
 * instances, from the facts alone, and so notices when the counters say something else.
 */
import { decide, type Decision } from '#core/execution/decide.js';
import {
  INSTANCE_STATUSES,
  isTerminal,
  STEPS,
  type Execution,
  type ExecutionStatus,
  type InstanceStatus,
  type RoomReading,
} from '#core/execution/execution.js';
import { eventsOf, type Fact, type InstancesMoved } from '#core/execution/execution-facts.js';
import type { Input } from '#core/execution/execution-inputs.js';
import type { Request, TimerKind } from '#core/execution/execution-requests.js';
import { checkInvariants } from '#core/execution/invariants.js';
import { REMINDER_EVERY_MS } from '#core/limits.js';
import { canariesOf } from '#core/strategies/phase.js';
import { readingAsItStands } from '#core/strategies/room.js';
import { PLANNERS } from '#core/strategies/strategies.js';
import { T0 } from './an-execution.js';

interface Standing {
  status: InstanceStatus;
  attempt: number;
  /** Gone before its turn: a batch has never taken it. */
  hasVanished: boolean;
}

const TIMER_OF: Readonly<Partial<Record<Input['type'], TimerKind>>> = {
  BATCH_DELAY_OVER: 'BATCH_DELAY',
  DEADLINE_PASSED: 'DEADLINE',
  REMINDER_DUE: 'REMINDER',
};

/** Statuses that the machine gives up on in time. */
const TIMED: readonly ExecutionStatus[] = [
  'VALIDATING',
  'IN_PROGRESS',
  'CANARY_RUNNING',
  'CANARY_MONITORING',
  'ROLLING_BACK',
];

/** A question to a service that has not been answered yet. */
export interface Asked {
  readonly type: 'RUN_PRE_CHECKS' | 'RUN_POST_CHECKS' | 'ROLL_BACK' | 'STOP_ROLLBACK';
  readonly handOver: number;
}

export class ModelWorld {
  nowMs = T0;
  readonly instances: Standing[] = [];
  /** Instances that are down without this execution's doing, by index. */
  readonly fallen = new Set<number>();
  readonly timers = new Map<TimerKind, number>();
  readonly asked: Asked[] = [];
  isListingAsked = false;
  /** The hand-over under which somebody watches the canaries; null: nobody does. */
  watch: number | null = null;
  readonly facts: Fact[] = [];
  /** Everything that was wrong so far, a sentence each. */
  readonly problems: string[] = [];
  #wasStopped = false;
  #isEvened = false;
  #wasUnhealthy = false;

  constructor(
    public execution: Execution,
    readonly size: number,
  ) {
    // Whoever created it has armed the first reminder.
    this.timers.set('REMINDER', T0 + REMINDER_EVERY_MS);
  }

  /** Hands an input in, keeps the books, and answers with what was decided. */
  take(arrived: Input): Decision {
    const before = this.execution;
    const input = this.#asItStands(arrived);
    const decision = decide(before, input, this.nowMs);
    const fired = TIMER_OF[input.type];
    // A timer that fired is gone, unless what was decided arms it again.
    if (fired !== undefined) this.timers.delete(fired);
    if (decision.kind !== 'DECIDED') return decision;
    this.execution = decision.next;
    if (input.type === 'INSTANCES_LISTED') this.#add(input.taken);
    for (const fact of decision.facts) this.#follow(fact, before);
    for (const request of decision.requests) this.#hear(request);
    this.#check(before);
    this.#checkWayOn(before, input);
    this.#wasStopped = this.execution.stopping !== null || isTerminal(this.execution.status);
    return decision;
  }

  /** How the target would count now: others' down, and ours among them that are still PENDING. */
  countRoom(): RoomReading {
    const others = [...this.fallen].filter((index) => !this.#isOwnDown(index));
    const downPending = others.filter((index) => this.instances[index]?.status === 'PENDING');
    downPending.sort((a, b) => a - b);
    return { othersDown: others.length, downPending, countedAtMs: this.nowMs };
  }

  indicesIn(status: InstanceStatus, attempt?: number): number[] {
    return this.instances.flatMap((standing, index) =>
      standing.status === status && (attempt === undefined || standing.attempt === attempt)
        ? [index]
        : [],
    );
  }

  get hasEnded(): boolean {
    return isTerminal(this.execution.status);
  }

  /** What whoever holds the execution's lock does with an input before it is judged. */
  #asItStands(input: Input): Input {
    if (input.type === 'FLEET_COMPARED') {
      const pending = new Set(this.indicesIn('PENDING'));
      return { ...input, vanished: input.vanished.filter((index) => pending.has(index)) };
    }
    const room = 'room' in input ? input.room : null;
    if (room === null) return input;
    const pending = new Set(this.indicesIn('PENDING'));
    return { ...input, room: readingAsItStands(room, pending) } as Input;
  }

  #isOwnDown(index: number): boolean {
    const status = this.instances[index]?.status ?? 'PENDING';
    return status === 'FAILED' || (STEPS as readonly string[]).includes(status);
  }

  #add(count: number): void {
    for (let i = 0; i < count; i += 1) {
      this.instances.push({ status: 'PENDING', attempt: 1, hasVanished: false });
    }
  }

  #follow(fact: Fact, before: Execution): void {
    const last = this.facts.at(-1);
    const expected = last === undefined ? before.sequence + 1 : last.sequence + eventsOf(last);
    if (fact.sequence !== expected) {
      this.#blame(`a fact begins at ${String(fact.sequence)}, not at ${String(expected)}`);
    }
    this.facts.push(fact);
    if (fact.type === 'INSTANCES_MOVED') this.#move(fact);
  }

  #move(fact: InstancesMoved): void {
    const { select } = fact;
    const indices =
      select.by === 'INDICES'
        ? select.indices
        : this.indicesIn(fact.from)
            .filter((index) => index >= select.start)
            .slice(0, select.count);
    if (indices.length !== fact.count) this.#blame(`${fact.from}: too few stand there to move`);
    for (const index of indices) {
      const standing = this.instances[index];
      if (standing?.status !== fact.from) {
        this.#blame(`instance ${String(index)} stands in ${String(standing?.status)}`);
        continue;
      }
      if (fact.fromAttempt !== null && fact.from !== 'PENDING') {
        if (standing.attempt !== fact.fromAttempt)
          this.#blame(`instance ${String(index)}: attempt`);
      }
      standing.status = fact.to;
      if (fact.from === 'PENDING' && fact.to === 'FAILED') standing.hasVanished = true;
      if (fact.to !== 'ROLLED_BACK') standing.attempt = fact.attempt;
    }
    const begins = fact.from === 'PENDING' || fact.from === 'FAILED';
    if (begins && (STEPS as readonly string[]).includes(fact.to)) this.#checkBeginning(fact);
  }

  #checkBeginning({ from, select, executionStatus }: InstancesMoved): void {
    if (this.#wasStopped) this.#blame('an instance was started after the stop');
    if (executionStatus === 'PAUSED') this.#blame('an instance was started in a pause');
    const isOperating = 'setOperation' in this.execution && this.execution.setOperation !== null;
    if (isOperating) this.#blame('an instance was started while a set was worked on');
    const { needsRoom } = PLANNERS[this.execution.plan.strategy];
    // Those taken by name were down by that count already, and need no room.
    if (from === 'PENDING' && select.by === 'NEXT' && needsRoom) this.#checkRoom();
  }

  /** Taking healthy ones down: by a count at most 5 s old all down together fit into the room. */
  #checkRoom(): void {
    const room = 'room' in this.execution ? this.execution.room : null;
    if (room === null || this.nowMs - room.countedAtMs > 5_000) {
      this.#blame('instances were taken by a count that is too old');
      return;
    }
    const { counters, listed, plan } = this.execution;
    const own = counters.DRAINING + counters.UPGRADING + counters.HEALTH_CHECKING + counters.FAILED;
    const allowed = Math.max(1, Math.floor((listed * plan.maxUnavailablePercentage) / 100));
    const down = room.othersDown + own;
    if (down > allowed) this.#blame(`${String(down)} down, and room for ${String(allowed)}`);
  }

  #hear(request: Request): void {
    switch (request.type) {
      case 'ARM_TIMER':
        this.timers.set(request.timer, request.atMs);
        break;
      case 'DISARM_TIMER':
        this.timers.delete(request.timer);
        break;
      case 'LIST_INSTANCES':
        this.isListingAsked = true;
        break;
      case 'RUN_PRE_CHECKS':
      case 'RUN_POST_CHECKS':
      case 'ROLL_BACK':
      case 'STOP_ROLLBACK':
        this.asked.push({ type: request.type, handOver: request.handOver });
        break;
      case 'WATCH_CANARIES':
        this.watch = request.handOver;
        break;
      case 'END_WATCH':
        if (this.watch !== request.handOver) this.#blame('a watch ended that nobody kept');
        this.watch = null;
        break;
      case 'EVEN_TRAFFIC':
        this.#isEvened = true;
        break;
      case 'COUNT_ROOM':
      case 'RECORD_DEPLOYMENT':
      case 'RECORD_STANDBY':
        break;
    }
  }

  #check(before: Execution): void {
    for (const problem of checkInvariants(this.execution)) this.#blame(problem);
    for (const status of INSTANCE_STATUSES) {
      const counted = this.execution.counters[status];
      const standing = this.indicesIn(status).length;
      if (counted !== standing) {
        this.#blame(`${String(counted)} counted as ${status}, ${String(standing)} are`);
      }
    }
    const failedOnce = this.indicesIn('FAILED', 1).length;
    if ('room' in this.execution && failedOnce !== this.execution.failedOnce) {
      this.#blame(`${String(failedOnce)} failed once, not ${String(this.execution.failedOnce)}`);
    }
    if (isTerminal(before.status)) this.#blame('a terminal status changed');
    const isToBeEvened = this.hasEnded && this.execution.weighed !== null;
    if (isToBeEvened !== this.#isEvened) this.#blame('a share of the traffic is not taken back');
    this.#checkTimers();
    this.#checkSteps();
  }

  /** Out of the watch over canaries, and into a rollback, nobody goes who may not. */
  #checkWayOn({ status: from }: Execution, input: Input): void {
    const { status, stopping } = this.execution;
    if (from !== 'ROLLING_BACK' && status === 'ROLLING_BACK' && stopping !== null) {
      this.#blame('a rollback that is stopping from the start');
    }
    if (from !== 'CANARY_MONITORING') return;
    if (input.type === 'CANARY_WATCHED') this.#wasUnhealthy ||= input.verdict === 'UNHEALTHY';
    if (status !== 'IN_PROGRESS') return;
    if (input.type === 'CANARY_WATCHED') {
      const mayGoOn = input.verdict === 'HEALTHY' && input.durationOver && !this.#wasUnhealthy;
      if (!mayGoOn) this.#blame('canaries promoted themselves too early');
    } else if (input.type === 'PROMOTE_CANARY') {
      const isForced = input.force && input.reason !== null;
      if (this.#wasUnhealthy && !isForced) this.#blame('UNHEALTHY canaries were promoted');
    }
  }

  #checkTimers(): void {
    const { status, stopping, waitingFor } = this.execution;
    const armed = [...this.timers.keys()].filter((timer) => timer !== 'RETIRE_STANDBY');
    if (this.hasEnded && armed.length > 0) this.#blame('it ended and left a timer armed');
    const isTimed = TIMED.includes(status);
    if (isTimed !== armed.includes('DEADLINE') && stopping === null) {
      this.#blame(`the deadline is ${isTimed ? 'not armed' : 'armed'}`);
    }
    if (status === 'PAUSED' && armed.includes('BATCH_DELAY')) this.#blame('a delay that runs on');
    const isForPerson = waitingFor !== null && waitingFor.kind !== 'ROOM';
    if (isForPerson !== armed.includes('REMINDER')) this.#blame('reminders go with the waiting');
    const isWatched = this.watch !== null;
    if (isWatched !== (status === 'CANARY_MONITORING')) this.#blame('a watch at the wrong time');
  }

  /** Phases and stages are kept to: neither more canaries nor a stage that nobody approved. */
  #checkSteps(): void {
    const { execution } = this;
    if (execution.status === 'CANARY_RUNNING') {
      const most = canariesOf(execution.listed, execution.total, execution.plan.canaryPercentage);
      const isTaken = (it: Standing): boolean => it.status !== 'PENDING' && !it.hasVanished;
      const begun = this.instances.filter(isTaken).length;
      if (begun > most) this.#blame(`${String(begun)} canaries of ${String(most)}`);
    }
    if ('batch' in execution && execution.plan.strategy === 'STAGED') {
      const stage = execution.batch?.number ?? 0;
      if (stage > execution.approvedStage + 1) this.#blame('a stage that nobody approved');
    }
  }

  #blame(problem: string): void {
    this.problems.push(`${this.execution.status}: ${problem}`);
  }
}
