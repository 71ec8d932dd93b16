import type { Clock } from '#runtime/clock.js';
import { SetStep } from '#targets/set-step.js';
import type {
  Fence,
  SetOperation as TargetOperation,
  TargetDriver,
} from '#targets/target.driver.js';
import { STEP_LIMITS } from '#core/limits.js';
import type { Execution, SetOperation, SetVerb } from '#core/execution/execution.js';
import type { Report } from '#core/execution/execution-inputs.js';
import { ENGINE_LIMITS } from '../orchestrator-limits.js';
import type { RawReport } from '../upgrade-asked.runner.js';

type Ended = Extract<Report, { type: 'SET_OPERATION_ENDED' }>;
type Verb = TargetOperation['verb'];

const VERBS: Readonly<Record<SetVerb, Verb>> = {
  CREATE: 'createSet',
  SWITCH: 'switch',
  RETIRE: 'retireSet',
  WEIGH: 'weigh',
};

/** A report, that somebody with a higher fence drives the target now, or that it goes on. */
export type SetNews = RawReport | 'SUPERSEDED' | null;

/** Carries out an execution's operation on a set, and reads the ids of a new set's instances. */
export class SetOperationTicker {
  readonly #step: SetStep;

  constructor(
    private readonly driver: TargetDriver,
    private readonly clock: Clock,
  ) {
    this.#step = new SetStep(driver, clock);
  }

  /** One call of the target. Throws TargetUnreachableError as long as the operation has time. */
  async advance(execution: Execution, fence: Fence): Promise<SetNews> {
    const operation = 'setOperation' in execution ? execution.setOperation : null;
    if (operation === null) return this.#readPage(execution);
    try {
      return await this.#operate(execution, operation, fence);
    } catch (error) {
      if (!this.#isTooLate(execution, operation)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      return ended(execution, operation, { outcome: 'FAILED', reason: `TIMEOUT: ${reason}` });
    }
  }

  async #operate(execution: Execution, operation: SetOperation, fence: Fence): Promise<SetNews> {
    if (operation.verb === 'WEIGH' && !(await this.driver.capabilities()).weights) {
      const reason = 'the target cannot weigh: traffic goes by the number of instances';
      return ended(execution, operation, { outcome: 'DONE', reason });
    }
    const asked = askedOf(execution, operation);
    const standing = await this.#step.advance(asked, fence, ENGINE_LIMITS.pollWaitMs);
    switch (standing.state) {
      case 'SUPERSEDED':
        return 'SUPERSEDED';
      case 'RUNNING':
        if (!this.#isTooLate(execution, operation)) return null;
        return ended(execution, operation, { outcome: 'FAILED', reason: 'TIMEOUT' });
      case 'FAILED':
        return ended(execution, operation, { outcome: 'FAILED', reason: standing.reason });
      case 'DONE': {
        const { liveSet } = standing;
        return ended(execution, operation, { outcome: 'DONE', reason: null, liveSet });
      }
    }
  }

  #isTooLate(execution: Execution, { sinceMs }: SetOperation): boolean {
    const limitMs = STEP_LIMITS.setOperationMs + execution.plan.drainTimeoutSeconds * 1_000;
    return this.clock.nowMs() - sinceMs >= limitMs;
  }

  async #readPage(execution: Execution): Promise<SetNews> {
    if (!hasUnnamedRows(execution) || execution.newSet === null) return null;
    const { name, cursor } = execution.newSet;
    const query = { set: name, limit: ENGINE_LIMITS.listPage, ...(cursor !== null && { cursor }) };
    const { instances, nextCursor } = await this.driver.list(query);
    const ids = instances.map(({ id }) => id);
    const { handOver } = execution;
    return { type: 'SET_PAGE_READ', handOver, cursor, nextCursor, ids };
  }
}

/** There is something for this ticker to do. */
export function hasSetWork(execution: Execution): boolean {
  const isOperating = 'setOperation' in execution && execution.setOperation !== null;
  return isOperating || hasUnnamedRows(execution);
}

function hasUnnamedRows(execution: Execution): boolean {
  const { newSet, stopping, total, status } = execution;
  if (newSet?.state !== 'STANDING' || newSet.named >= total || stopping !== null) return false;
  const isFailed = 'setFailure' in execution && execution.setFailure !== null;
  return status === 'IN_PROGRESS' && !isFailed;
}

function askedOf(execution: Execution, operation: SetOperation): TargetOperation {
  const { id, plan, total } = execution;
  const { number, verb, set, percentage } = operation;
  const asked = { id: `${id}/set/${String(number)}/${VERBS[verb]}`, verb: VERBS[verb], set };
  switch (verb) {
    case 'CREATE':
      return { ...asked, size: total };
    case 'SWITCH':
      return asked;
    case 'RETIRE':
      return { ...asked, drainTimeoutMs: plan.drainTimeoutSeconds * 1_000 };
    case 'WEIGH':
      return { ...asked, version: plan.to.version, percentage };
  }
}

function ended(
  { handOver }: Execution,
  { number }: SetOperation,
  how: Pick<Ended, 'outcome' | 'reason'> & Partial<Pick<Ended, 'liveSet'>>,
): Ended {
  return { type: 'SET_OPERATION_ENDED', handOver, number, liveSet: null, ...how };
}
