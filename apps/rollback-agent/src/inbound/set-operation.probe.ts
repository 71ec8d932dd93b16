import type { Fence, OperationState, SetOperation, TargetDriver } from '#targets/target.driver.js';
import type { SetOperationEnded, SetsWant } from '../rollback.runner.js';

/** How an operation ended, that it goes on, or who drives the target's sets instead. */
export type SetNews = SetOperationEnded | null | { readonly superseded: Fence };

/**
 * Carries out the operations of one rollback on a target's sets. What is under way stands in the
 * rollback's row; here is only whether this process has submitted it.
 */
export class SetOperationProbe {
  #submitted: string | null = null;

  /** @param rollbackId begins the operations' ids, so that they are its own */
  constructor(
    private readonly driver: TargetDriver,
    private readonly rollbackId: string,
  ) {}

  /** Submits it, or looks how it stands, waiting up to `waitMs`. Throws what the driver throws. */
  async advance(
    want: SetsWant,
    fence: Fence,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<SetNews> {
    const operation = this.#operationOf(want);
    let state = await this.#submitOnce(operation, fence, signal);
    if (state === null || state.state === 'RUNNING') {
      state = await this.driver.pollSet(operation.id, waitMs, signal);
    }
    const { verb, attempt } = want;
    switch (state.state) {
      case 'RUNNING':
        return null;
      case 'UNKNOWN':
        this.#submitted = null;
        return null;
      case 'REFUSED':
        this.#submitted = null;
        return { superseded: state.fence };
      case 'FAILED': {
        const { reason } = state;
        return { type: 'SET_OPERATION_ENDED', verb, attempt, outcome: 'FAILED', reason };
      }
      case 'SUCCEEDED': {
        const reason = await this.#contradiction(want, signal);
        const outcome = reason === null ? 'DONE' : 'FAILED';
        return { type: 'SET_OPERATION_ENDED', verb, attempt, outcome, reason };
      }
    }
  }

  /** Null: it was submitted before. The same id under a higher fence is adopted by the target. */
  async #submitOnce(
    operation: SetOperation,
    fence: Fence,
    signal: AbortSignal,
  ): Promise<OperationState | null> {
    if (this.#submitted === operation.id) return null;
    const state = await this.driver.submitSet(operation, fence, signal);
    this.#submitted = operation.id;
    return state;
  }

  #operationOf({ verb, set, attempt, drainTimeoutMs }: SetsWant): SetOperation {
    const id = `${this.rollbackId}/set/${String(attempt)}/${verb}`;
    return { id, verb, set, ...(verb === 'retireSet' && { drainTimeoutMs }) };
  }

  /** A target that says yes is asked what is; in a sentence, or null when it is so. */
  async #contradiction({ verb, set }: SetsWant, signal: AbortSignal): Promise<string | null> {
    const sets = await this.driver.sets(signal);
    if (verb === 'retireSet') {
      const isThere = sets.some(({ name }) => name === set);
      return isThere ? 'the target says that it is done, and the set is still there' : null;
    }
    const live = sets.find((one) => one.live)?.name ?? 'no set';
    if (live === set) return null;
    return `the target says that it is done, and traffic goes to ${live}`;
  }
}
