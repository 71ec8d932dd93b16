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
import type { Fact } from '../execution/execution-facts.js';
import type { Action, Input, Report, SettledSteps } from '../execution/execution-inputs.js';
import { pendingInPhase } from '../strategies/phase.js';
import { allowedDown } from '../strategies/room.js';
import { PREVIEW_LIMITS } from '../limits.js';
import { fleetOf, type PreviewedFleet, type TakenFleet } from './previewed-fleet.js';

export interface PreviewQuestion {
  readonly plan: ExecutionPlan;
  readonly fleet: PreviewedFleet;
  /** How long one batch took by itself in earlier executions; null: nobody knows. */
  readonly batchWorkMs: number | null;
}

export type PreviewedPhase = 'CANARY' | 'REST' | 'NEW_SET';

/** One batch, in the order in which they come. Instances are taken in the order of their ids. */
export interface PreviewedBatch {
  /** 1, 2, 3… */
  readonly number: number;
  readonly phase: PreviewedPhase;
  readonly size: number;
  /** Of those, instances that are down already: they go first. */
  readonly alreadyDown: number;
  /** The first of them, at most {@link PREVIEW_LIMITS.instancesNamed}, by index. */
  readonly indices: readonly number[];
  /** Their ids; null: nobody listed the instances, or it is a new set, whose ids nobody knows. */
  readonly instanceIds: readonly string[] | null;
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
  /** On the target version already, so not taken; null: nobody listed the instances. */
  readonly alreadyThere: number | null;
  /** U: so many may be down at once; null where room is not kept. */
  readonly allowedDown: number | null;
  /** The first ones, at most {@link PREVIEW_LIMITS.batchesShown}. */
  readonly batches: readonly PreviewedBatch[];
  readonly batchesInAll: number;
  /** As things stand it does not get further: others that are down leave no room. */
  readonly standsStill: boolean;
  /** Fewest instances that serve at any moment, and in percent of all there are, rounded down. */
  readonly lowestServing: number;
  readonly lowestServingPercentage: number;
  /** Batch delays and canary monitoring alone. */
  readonly waitingMs: number;
  /** With the time the batches took before; null: nobody knows, or it does not get to its end. */
  readonly expectedDurationMs: number | null;
  /** Stages that a person has to approve. */
  readonly approvals: number;
  /** A person has to promote the canaries. */
  readonly needsPromotion: boolean;
}

/**
 * Null when there is nothing to take. Throws when the rules do not bring an upgrade to its end in
 * which everything succeeds.
 */
export function previewOf(question: PreviewQuestion): Preview | null {
  const { plan, batchWorkMs } = question;
  const fleet = fleetOf(plan, question.fleet);
  const { listed, total, alreadyThere } = fleet;
  if (total === 0) return null;
  const run = new Rehearsal(question, fleet);
  run.toTheEnd();
  const { batches, batchesInAll, waitingMs, standsStill } = run;
  const lowestServing = Math.min(listed - fleet.down, ...batches.map(({ serving }) => serving));
  const isKnown = batchWorkMs !== null && !standsStill;
  return {
    ...{ listed, total, alreadyThere, batchesInAll, standsStill, lowestServing, waitingMs },
    allowedDown: keepsRoom(plan) ? allowedDown(listed, plan.maxUnavailablePercentage) : null,
    batches: batches.slice(0, PREVIEW_LIMITS.batchesShown),
    lowestServingPercentage: Math.floor((100 * lowestServing) / listed),
    expectedDurationMs: isKnown ? waitingMs + batchesInAll * batchWorkMs : null,
    approvals: plan.strategy === 'STAGED' ? Math.max(0, batchesInAll - 1) : 0,
    needsPromotion: plan.strategy === 'CANARY' && !plan.autoPromote,
  };
}

function keepsRoom({ strategy }: ExecutionPlan): boolean {
  return strategy !== 'RECREATE' && strategy !== 'BLUE_GREEN';
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
  standsStill = false;
  #execution: Execution;
  #nowMs = 0;
  /** The indices of the batch under way. */
  #underWay: readonly number[] = [];
  /** Down instances that are taken, by index, ascending, and have not had their turn yet. */
  readonly #downAhead: Set<number>;
  readonly #takenByName = new Set<number>();
  /** Nobody below it is PENDING. */
  #next = 0;

  constructor(
    private readonly question: PreviewQuestion,
    private readonly fleet: TakenFleet,
  ) {
    const ids = { id: ID, tenantId: '', componentId: ID };
    const how = { kind: 'UPGRADE', revertOf: null, handOver: 0, plan: question.plan } as const;
    this.#execution = createExecution({ ...ids, ...how }, 0);
    this.#downAhead = new Set(fleet.downTaken);
  }

  toTheEnd(): void {
    const { listed, total: taken, alreadyThere } = this.fleet;
    const page = { listed, taken, alreadyThere: alreadyThere ?? 0, cursor: null, nextCursor: null };
    this.#take(NOBODY);
    this.#take({ type: 'INSTANCES_LISTED', ...page });
    this.#take({ type: 'PRE_CHECKS_ENDED', handOver: 1, checks: PASSED });
    for (let round = 0; round < PREVIEW_LIMITS.roundsMax; round += 1) {
      const { status, waitingFor } = this.#execution;
      this.standsStill = waitingFor?.kind === 'ROOM';
      if (status === 'COMPLETED' || this.standsStill) return;
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

  #room(): RoomReading {
    const downPending: number[] = [];
    for (const index of this.#downAhead) {
      if (downPending.length === PREVIEW_LIMITS.downNamed) break;
      downPending.push(index);
    }
    const othersDown = this.fleet.downElsewhere + this.#downAhead.size;
    return { othersDown, downPending, countedAtMs: this.#nowMs };
  }

  #take(input: Input): void {
    const before = this.#execution;
    const decision = decide(before, input, this.#nowMs);
    if (decision.kind !== 'DECIDED') {
      throw new Error(`the preview's ${input.type} was ${decision.kind} in ${before.status}`);
    }
    this.#execution = decision.next;
    const begun = decision.facts.flatMap((fact) => this.#takenBy(fact));
    if (begun.length > 0) this.#begin(begun);
  }

  /** The indices that leave PENDING by this fact, in their order. */
  #takenBy(fact: Fact): number[] {
    if (fact.type !== 'INSTANCES_MOVED' || fact.from !== 'PENDING') return [];
    if (fact.select.by === 'INDICES') {
      for (const index of fact.select.indices) this.#takenByName.add(index);
      return [...fact.select.indices];
    }
    const taken: number[] = [];
    for (; taken.length < fact.count; this.#next += 1) {
      if (!this.#takenByName.has(this.#next)) taken.push(this.#next);
    }
    return taken;
  }

  #begin(indices: readonly number[]): void {
    const { plan, batchWorkMs } = this.question;
    const { listed, downElsewhere, ids } = this.fleet;
    const number = this.batchesInAll + 1;
    const downBefore = downElsewhere + this.#downAhead.size;
    const alreadyDown = indices.filter((index) => this.#downAhead.delete(index)).length;
    const size = indices.length;
    const isSet = plan.strategy === 'BLUE_GREEN';
    const isCanary = this.#execution.status === 'CANARY_RUNNING';
    const allowed = allowedDown(listed, plan.maxUnavailablePercentage);
    const named = indices.slice(0, PREVIEW_LIMITS.instancesNamed);
    this.batches.push({
      ...{ number, size, alreadyDown, indices: named },
      instanceIds: ids === null ? null : named.map((index) => ids[index] ?? ''),
      phase: isSet ? 'NEW_SET' : isCanary ? 'CANARY' : 'REST',
      room: keepsRoom(plan) ? Math.max(0, allowed - downBefore) : null,
      serving: isSet ? listed - downBefore : listed - downBefore - (size - alreadyDown),
      startsAfterMs: batchWorkMs === null ? null : this.waitingMs + (number - 1) * batchWorkMs,
      needsApproval: plan.strategy === 'STAGED' && number > 1,
    });
    this.batchesInAll = number;
    this.#underWay = indices;
  }

  /** Every further batch is as large as the last one, but for the last of each phase. */
  #reckonRest(): void {
    const { counters, plan, status } = this.#execution;
    const size = this.batches.at(-1)?.size ?? 1;
    const canaries = status === 'CANARY_RUNNING' ? pendingInPhase(this.#execution) : 0;
    const first = Math.ceil(canaries / size);
    const rest = Math.ceil((counters.PENDING - canaries) / size);
    this.batchesInAll += first + rest;
    if (plan.strategy === 'STAGED') return;
    // After the watch the next batch begins at once.
    const delays = status === 'CANARY_RUNNING' ? first + rest - 1 : first + rest;
    this.waitingMs += delays * plan.batchDelaySeconds * 1_000;
    if (status === 'CANARY_RUNNING') this.waitingMs += plan.canaryDurationSeconds * 1_000;
  }
}
