import type { Clock } from '#runtime/clock.js';
import type {
  Fence,
  OperationState,
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

/**
 * Carries out an execution's operation on a set, and reads the ids of a new set's instances. What
 * is under way stands in the execution; here is only whether this process has submitted it.
 */
export class SetOperationTicker {
  #submitted: string | null = null;

  constructor(
    private readonly driver: TargetDriver,
    private readonly clock: Clock,
  ) {}

  /** One call of the target. Throws TargetUnreachableError as long as the operation has time. */
  async advance(execution: Execution, fence: Fence): Promise<SetNews> {
    const operation = 'setOperation' in execution ? execution.setOperation : null;
    if (operation === null) return this.#readPage(execution);
    try {
      return await this.#operate(execution, operation, fence);
    } catch (error) {
      const limitMs = STEP_LIMITS.setOperationMs + execution.plan.drainTimeoutSeconds * 1_000;
      const waitedMs = this.clock.nowMs() - operation.sinceMs;
      if (waitedMs < limitMs) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      return ended(execution, operation, { outcome: 'FAILED', reason: `TIMEOUT: ${reason}` });
    }
  }

  async #operate(execution: Execution, operation: SetOperation, fence: Fence): Promise<SetNews> {
    const { weights } =
      operation.verb === 'WEIGH' ? await this.driver.capabilities() : { weights: true };
    if (!weights) {
      const reason = 'the target cannot weigh: traffic goes by the number of instances';
      return ended(execution, operation, { outcome: 'DONE', reason });
    }
    const asked = askedOf(execution, operation);
    const state = await this.#stateOf(asked, fence);
    switch (state.state) {
      case 'REFUSED':
        return 'SUPERSEDED';
      case 'UNKNOWN':
        this.#submitted = null;
        return null;
      case 'RUNNING':
        return this.#isTooLate(execution, operation)
          ? ended(execution, operation, { outcome: 'FAILED', reason: 'TIMEOUT' })
          : null;
      case 'FAILED':
        return ended(execution, operation, { outcome: 'FAILED', reason: state.reason });
      case 'SUCCEEDED': {
        if (operation.verb !== 'CREATE' && operation.verb !== 'SWITCH') {
          return ended(execution, operation, { outcome: 'DONE', reason: null });
        }
        // A target that says yes is asked what is.
        const liveSet = await this.#liveSet();
        if (operation.verb === 'CREATE' || liveSet === operation.set) {
          return ended(execution, operation, { outcome: 'DONE', reason: null, liveSet });
        }
        const reason = `the target says that it is done, and traffic goes to ${liveSet ?? 'no set'}`;
        return ended(execution, operation, { outcome: 'FAILED', reason });
      }
    }
  }

  #stateOf(asked: TargetOperation, fence: Fence): Promise<OperationState> {
    // After a takeover it is submitted again: the same id under a higher fence is adopted.
    const key = [asked.id, fence.handOver, fence.epoch].join('@');
    if (this.#submitted === key) return this.driver.pollSet(asked.id, ENGINE_LIMITS.pollWaitMs);
    this.#submitted = key;
    return this.driver.submitSet(asked, fence).catch((error: unknown) => {
      this.#submitted = null;
      throw error;
    });
  }

  #isTooLate(execution: Execution, { sinceMs }: SetOperation): boolean {
    const limitMs = STEP_LIMITS.setOperationMs + execution.plan.drainTimeoutSeconds * 1_000;
    return this.clock.nowMs() - sinceMs >= limitMs;
  }

  async #liveSet(): Promise<string | null> {
    const sets = await this.driver.sets();
    return sets.find(({ live }) => live)?.name ?? null;
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
