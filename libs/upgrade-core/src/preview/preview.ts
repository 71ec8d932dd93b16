/**
 * What an upgrade would do, found out by doing it: the execution's own rules are run against a
 * world in which every step succeeds, from PENDING to COMPLETED. So a preview cannot plan otherwise
 * than the execution it shows (spec §2 `preview`); nothing is stored and nothing is asked.
 */
import { decide } from '../execution/decide.js';
import {
  createExecution,
  STEPS,
  underWay,
  type CheckResult,
  type Execution,
  type ExecutionPlan,
  type RoomReading,
  type Step,
} from '../execution/execution.js';
import type { Action, Input, Report, SettledSteps } from '../execution/execution-inputs.js';
import { allowedDown } from '../strategies/room.js';
import { PREVIEW_LIMITS } from '../limits.js';

export interface PreviewQuestion {
  readonly plan: ExecutionPlan;
  /** N: all instances the target lists now; at least 1. */
  readonly listed: number;
  /** How many of them are down now: they go first and need no room. */
  readonly down: number;
  /** How long one batch took without its delay, by earlier executions; null: nobody knows. */
  readonly batchWorkMs: number | null;
}

export type PreviewedPhase = 'CANARY' | 'REST' | 'NEW_SET';

/** One batch, in the order in which they come. Instances are taken in the order of their ids. */
export interface PreviewedBatch {
  /** 1, 2, 3… */
  readonly number: number;
  readonly phase: PreviewedPhase;
  readonly size: number;
  /** Of those, instances that are down already. */
  readonly alreadyDown: number;
  /** Instances that may be down at once and are not, before it begins; null: room is not kept. */
  readonly room: number | null;
  /** Instances that serve while it is under way, of all there are. */
  readonly serving: number;
  /** Since the start, batch delays and monitoring included; null: nobody knows how long they take. */
  readonly startsAfterMs: number | null;
  /** A person has to approve it. */
  readonly needsApproval: boolean;
}

export interface Preview {
  readonly listed: number;
  readonly total: number;
  /** U: so many may be down at once; null where room is not kept. */
  readonly allowedDown: number | null;
  /** The first ones, at most {@link PREVIEW_LIMITS.batchesShown}. */
  readonly batches: readonly PreviewedBatch[];
  readonly batchesInAll: number;
  /** Fewest instances that serve at any moment, and in percent of all there are, rounded down. */
  readonly lowestServing: number;
  readonly lowestServingPercentage: number;
  /** Batch delays and canary monitoring alone. */
  readonly waitingMs: number;
  /** With the time the batches took before; null: no earlier execution says. */
  readonly expectedDurationMs: number | null;
  /** What it will wait for a person for, beside being started. */
  readonly approvals: number;
}

/** Throws when the rules do not bring an upgrade to its end in which everything succeeds. */
export function previewOf(question: PreviewQuestion): Preview {
  const { plan, listed, batchWorkMs } = question;
  const run = new Rehearsal(question);
  run.toTheEnd();
  const { batches, batchesInAll, waitingMs } = run;
  const lowestServing = Math.min(listed, ...batches.map(({ serving }) => serving));
  const keepsRoom = plan.strategy !== 'RECREATE' && plan.strategy !== 'BLUE_GREEN';
  return {
    listed,
    total: run.total,
    allowedDown: keepsRoom ? allowedDown(listed, plan.maxUnavailablePercentage) : null,
    batches: batches.slice(0, PREVIEW_LIMITS.batchesShown),
    batchesInAll,
    lowestServing,
    lowestServingPercentage: Math.floor((100 * lowestServing) / listed),
    waitingMs,
    expectedDurationMs: batchWorkMs === null ? null : waitingMs + batchesInAll * batchWorkMs,
    approvals: plan.strategy === 'STAGED' ? Math.max(0, batchesInAll - 1) : 0,
  };
}

const NOBODY: Action = { type: 'START', by: 'preview', reason: null, force: false };
const ID = '00000000-0000-4000-8000-000000000000';
const PASSED: readonly CheckResult[] = [
  { check: 'PREVIEW', outcome: 'PASSED', summary: '', evidence: {}, durationMs: 0 },
];

/** The execution, and the world that answers it at once and well. */
class Rehearsal {
  readonly batches: PreviewedBatch[] = [];
  batchesInAll = 0;
  waitingMs = 0;
  #execution: Execution;
  #nowMs = 0;
  /** The indices of the batch under way. */
  #underWay: readonly number[] = [];
  #taken = 0;

  constructor(private readonly question: PreviewQuestion) {
    const ids = { id: ID, tenantId: '', componentId: ID };
    const how = { kind: 'UPGRADE', revertOf: null, handOver: 0, plan: question.plan } as const;
    this.#execution = createExecution({ ...ids, ...how }, 0);
  }

  get total(): number {
    return this.#execution.total;
  }

  toTheEnd(): void {
    const { listed, plan } = this.question;
    const taken = Math.min(listed, plan.totalInstances ?? listed);
    const page = { listed, taken, alreadyThere: 0, cursor: null, nextCursor: null };
    this.#take(NOBODY);
    this.#take({ type: 'INSTANCES_LISTED', ...page });
    this.#take({ type: 'PRE_CHECKS_ENDED', handOver: 1, checks: PASSED });
    for (let round = 0; round < PREVIEW_LIMITS.roundsMax; round += 1) {
      if (this.#execution.status === 'COMPLETED') return;
      this.#take(this.#nextAnswer());
      // From here on all batches are alike: the rest is reckoned, not rehearsed.
      if (this.batches.length >= PREVIEW_LIMITS.batchesRehearsed) {
        this.#reckonRest();
        return;
      }
    }
    throw new Error(`the preview came to no end: ${this.#execution.status}`);
  }

  /** What a world in which everything succeeds says next. */
  #nextAnswer(): Input {
    const execution = this.#execution;
    const { handOver, status } = execution;
    if (status === 'PAUSED') return { ...NOBODY, type: 'APPROVE', by: 'somebody else' };
    if (status === 'CANARY_MONITORING') {
      this.#wait(execution.plan.canaryDurationSeconds * 1_000);
      return { ...NOBODY, type: 'PROMOTE_CANARY' };
    }
    if ('setOperation' in execution && execution.setOperation !== null) {
      const { number } = execution.setOperation;
      const done = { outcome: 'DONE', reason: null, liveSet: 'live' } as const;
      return { type: 'SET_OPERATION_ENDED', handOver, number, ...done };
    }
    const { newSet, total } = execution;
    if (newSet?.state === 'STANDING' && newSet.named < total) {
      const page = { cursor: newSet.cursor, nextCursor: null, count: total };
      return { type: 'SET_LISTED', handOver, ...page };
    }
    if (underWay(execution.counters) > 0) return this.#settled();
    if ('postChecksAskedAtMs' in execution && execution.postChecksAskedAtMs !== null) {
      return { type: 'POST_CHECKS_ENDED', handOver, checks: PASSED };
    }
    if ('nextBatchAtMs' in execution && (execution.nextBatchAtMs ?? 0) > this.#nowMs) {
      this.#wait((execution.nextBatchAtMs ?? 0) - this.#nowMs);
      return { type: 'BATCH_DELAY_OVER' };
    }
    return { type: 'ROOM_COUNTED', room: this.#room() };
  }

  #wait(ms: number): void {
    this.waitingMs += ms;
    this.#nowMs += ms;
  }

  #settled(): Report {
    const { counters, handOver } = this.#execution;
    const step: Step = STEPS.find((it) => counters[it] > 0) ?? 'DRAINING';
    const how = { outcome: 'DONE', failure: null, reason: null, closedConnections: 0 } as const;
    const settled: SettledSteps = { step, attempt: 1, indices: this.#underWay, ...how };
    return { type: 'STEPS_SETTLED', handOver, settled: [settled], room: null };
  }

  /** Down ones are the first by index: which they are makes no difference to the plan. */
  #room(): RoomReading {
    const left = Math.max(0, Math.min(this.question.down, this.total) - this.#taken);
    const beyond = Math.max(0, this.question.down - this.total);
    const downPending = Array.from({ length: left }, (_, at) => this.#taken + at);
    return { othersDown: left + beyond, downPending, countedAtMs: this.#nowMs };
  }

  #take(input: Input): void {
    const before = this.#execution;
    const decision = decide(before, input, this.#nowMs);
    if (decision.kind !== 'DECIDED') {
      throw new Error(`the preview's ${input.type} was ${decision.kind} in ${before.status}`);
    }
    this.#execution = decision.next;
    for (const fact of decision.facts) {
      if (fact.type !== 'INSTANCES_MOVED' || fact.from !== 'PENDING') continue;
      const alreadyDown = fact.select.by === 'INDICES' ? fact.count : 0;
      this.#begun(fact.count, alreadyDown);
    }
  }

  /** A batch begins, or the second half of one: the down ones come first. */
  #begun(count: number, alreadyDown: number): void {
    const execution = this.#execution;
    const number = ('batch' in execution ? execution.batch?.number : null) ?? 1;
    const last = this.batches.at(-1);
    const isSame = last?.number === number;
    const first = isSame ? this.#taken - last.size : this.#taken;
    this.#taken += count;
    this.#underWay = Array.from({ length: this.#taken - first }, (_, at) => first + at);
    if (isSame) this.batches.pop();
    const size = (isSame ? last.size : 0) + count;
    const down = (isSame ? last.alreadyDown : 0) + alreadyDown;
    this.batches.push(this.#batchOf(number, size, down));
    this.batchesInAll = number;
  }

  #batchOf(number: number, size: number, alreadyDown: number): PreviewedBatch {
    const { plan, listed, down, batchWorkMs } = this.question;
    const { strategy } = plan;
    const isSet = strategy === 'BLUE_GREEN';
    const keepsRoom = !isSet && strategy !== 'RECREATE';
    // Those that were down and have been taken before are up again by now.
    const downBefore = Math.max(0, down - (this.#taken - size));
    const allowed = allowedDown(listed, plan.maxUnavailablePercentage);
    const isCanary = this.#execution.status === 'CANARY_RUNNING';
    return {
      ...{ number, size, alreadyDown },
      phase: isSet ? 'NEW_SET' : isCanary ? 'CANARY' : 'REST',
      room: keepsRoom ? Math.max(0, allowed - downBefore) : null,
      serving: isSet ? listed - down : listed - downBefore - (size - alreadyDown),
      startsAfterMs: batchWorkMs === null ? null : this.waitingMs + (number - 1) * batchWorkMs,
      needsApproval: strategy === 'STAGED' && number > 1,
    };
  }

  /** Every further batch is as large as the last one, but for the very last. */
  #reckonRest(): void {
    const { counters, plan } = this.#execution;
    const size = this.batches.at(-1)?.size ?? 1;
    const rest = Math.ceil(counters.PENDING / size);
    this.batchesInAll += rest;
    if (plan.strategy !== 'STAGED') this.waitingMs += rest * plan.batchDelaySeconds * 1_000;
  }
}
