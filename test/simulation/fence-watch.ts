/** I11, seen from the target: whoever is no longer its driver is refused. */
import {
  compareFences,
  type Fence,
  type InstanceOperation,
  type OperationState,
} from '#targets/target.driver.js';

export class FenceWatch {
  readonly problems: string[] = [];
  /** How often somebody came too late and was refused. */
  refused = 0;
  readonly #highest = new Map<string, Fence>();

  /** What a target answered to operations that came under a fence. */
  answered(
    fleet: string,
    operations: readonly Pick<InstanceOperation, 'id' | 'instanceId'>[],
    fence: Fence,
    states: readonly OperationState[],
  ): void {
    operations.forEach(({ id, instanceId }, at) => {
      const state = states[at];
      const key = `${fleet} ${instanceId}`;
      const highest = this.#highest.get(key) ?? fence;
      if (state?.state === 'REFUSED') {
        this.refused += 1;
      } else if (compareFences(fence, highest) < 0 && !isGone(state)) {
        this.problems.push(
          `I11: ${id} came under ${textOf(fence)} after ${textOf(highest)} and was not refused`,
        );
      }
      if (compareFences(fence, highest) >= 0) this.#highest.set(key, fence);
    });
  }
}

function isGone(state: OperationState | undefined): boolean {
  return state?.state === 'FAILED' && state.vanished === true;
}

function textOf({ handOver, epoch }: Fence): string {
  return `${String(handOver)}.${String(epoch)}`;
}
