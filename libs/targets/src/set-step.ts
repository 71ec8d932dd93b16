import type { Clock } from '#runtime/clock.js';
import { forgottenPauseMs } from './retry-pause.js';
import type { Fence, OperationState, SetOperation, TargetDriver } from './target.driver.js';

/** How an operation on a set stands, by what the target says and what is. */
export type SetStanding =
  | { readonly state: 'RUNNING' }
  /** `liveSet`: which set has the traffic now; null where nobody asked. */
  | { readonly state: 'DONE'; readonly liveSet: string | null }
  | { readonly state: 'FAILED'; readonly reason: string }
  /** Somebody with this higher fence drives the target's sets now: stop. */
  | { readonly state: 'SUPERSEDED'; readonly by: Fence };

/**
 * Carries one operation on a set to its end, a call at a time. Whoever asks keeps what is under way;
 * here is only whether this process has submitted it.
 */
export class SetStep {
  #submitted: string | null = null;
  /** How often the target has forgotten an operation that it had taken. */
  #forgotten = 0;

  constructor(
    private readonly driver: TargetDriver,
    private readonly clock: Clock,
  ) {}

  /**
   * Submits it, or looks how it stands, waiting up to `waitMs`: also when the target has forgotten it
   * once more, so that nobody who asks on and on floods the target. Throws what the driver throws; then
   * nobody knows how it stands, and to ask again is right.
   */
  async advance(
    operation: SetOperation,
    fence: Fence,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<SetStanding> {
    const state = await this.#ask(operation, fence, waitMs, signal);
    switch (state.state) {
      case 'RUNNING':
        return { state: 'RUNNING' };
      case 'UNKNOWN':
        this.#submitted = null;
        this.#forgotten += 1;
        await this.clock.sleep(Math.min(waitMs, forgottenPauseMs(this.#forgotten)), signal);
        return { state: 'RUNNING' };
      case 'REFUSED':
        this.#submitted = null;
        return { state: 'SUPERSEDED', by: state.fence };
      case 'FAILED':
        return { state: 'FAILED', reason: state.reason };
      case 'SUCCEEDED':
        return this.#believe(operation, signal);
    }
  }

  async #ask(
    operation: SetOperation,
    fence: Fence,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<OperationState> {
    // Under another fence it is submitted again: the target adopts the same id.
    const key = [operation.id, fence.handOver, fence.epoch].join(' ');
    if (this.#submitted !== key) {
      const state = await this.driver.submitSet(operation, fence, signal);
      this.#submitted = key;
      if (state.state !== 'RUNNING') return state;
    }
    return this.driver.pollSet(operation.id, waitMs, signal);
  }

  /** A target that says yes is asked what is. */
  async #believe(
    { verb, set }: SetOperation,
    signal: AbortSignal | undefined,
  ): Promise<SetStanding> {
    if (verb === 'weigh') return { state: 'DONE', liveSet: null };
    const sets = await this.driver.sets(signal);
    const liveSet = sets.find(({ live }) => live)?.name ?? null;
    const isThere = sets.some(({ name }) => name === set);
    const done = 'the target says that it is done, and';
    if (verb === 'switch' && liveSet !== set) {
      return { state: 'FAILED', reason: `${done} traffic goes to ${liveSet ?? 'no set'}` };
    }
    if (verb === 'createSet' && !isThere) {
      return { state: 'FAILED', reason: `${done} the set is not there` };
    }
    if (verb === 'retireSet' && isThere) {
      return { state: 'FAILED', reason: `${done} the set is still there` };
    }
    return { state: 'DONE', liveSet };
  }
}
