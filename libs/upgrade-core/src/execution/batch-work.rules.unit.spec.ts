import { describe, expect, it } from '@jest/globals';
import { anExecution, T0, type ExecutionBuilder } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { action, postChecks, roomCounted, settled } from '#testing/inputs.js';
import type { Execution } from './execution.js';
import type { Input } from './execution-inputs.js';

/** Inputs by the second after T0 at which they come; the last one must bring it to its end. */
function workOf(
  from: ExecutionBuilder,
  inputs: readonly (readonly [seconds: number, Input])[],
): Execution['batchWorkMs'] {
  let execution = from.build();
  for (const [seconds, input] of inputs) {
    const then = given(execution, T0 + seconds * 1_000).when(input);
    expect(then.kind).toBe('DECIDED');
    execution = then.execution;
  }
  expect(execution.status).toBe('COMPLETED');
  return execution.batchWorkMs;
}

const at = (seconds: number) => roomCounted(0, { countedAtMs: T0 + seconds * 1_000 });
const through = (seconds: number, index: number): [number, Input][] => [
  [seconds, settled('DRAINING', [index])],
  [seconds, settled('UPGRADING', [index])],
  [seconds, settled('HEALTH_CHECKING', [index])],
];

/** Two, one at a time; the first has been under way since T0. */
const two = anExecution()
  .inProgress()
  .withPlan({ batchSize: 1, maxUnavailablePercentage: 50, batchDelaySeconds: 60 })
  .withCounters({ PENDING: 1, DRAINING: 1 })
  .withBatch(1, 1);

describe('how long a batch took', () => {
  it('is known without the delays, and without the checks after', () => {
    // 10 s, a minute of delay, 20 s, half a minute of checks.
    const took = workOf(two, [
      ...through(10, 0),
      [70, at(70)],
      ...through(90, 1),
      [120, postChecks('PASSED')],
    ]);
    expect(took).toBe(15_000);
  });

  it('is known without the wait for an approval', () => {
    const staged = two.withPlan({ strategy: 'STAGED', initiatedBy: 'ann' });
    const took = workOf(staged, [
      ...through(10, 0),
      [5_000, action('APPROVE', { by: 'olga' })],
      [5_000, at(5_000)],
      ...through(5_030, 1),
      [5_060, postChecks('PASSED')],
    ]);
    expect(took).toBe(20_000);
  });

  it('is known without the watch over the canaries', () => {
    const watched = anExecution()
      .canaryMonitoring({ beganAtMs: T0 + 10_000 })
      .withPlan({ strategy: 'CANARY', canaryPercentage: 50, maxUnavailablePercentage: 50 })
      .withCounters({ PENDING: 1, COMPLETED: 1 })
      .withBatch(1, 1)
      .with({ weighed: null });
    const took = workOf(watched, [
      [610, action('PROMOTE_CANARY')],
      [610, at(610)],
      ...through(620, 1),
      [650, postChecks('PASSED')],
    ]);
    expect(took).toBe(10_000);
  });

  it('nobody knows when an operator paused it: what was under way went on', () => {
    const took = workOf(two, [
      [5, action('PAUSE')],
      ...through(10, 0),
      [40, action('RESUME')],
      [100, at(100)],
      ...through(110, 1),
      [120, postChecks('PASSED')],
    ]);
    expect(took).toBeNull();
  });

  it('nobody knows when it waited for room that others took', () => {
    const took = workOf(two.withPlan({ batchDelaySeconds: 0 }), [
      ...through(10, 0),
      [11, roomCounted(2, { countedAtMs: T0 + 11_000 })],
      [300, at(300)],
      ...through(310, 1),
      [320, postChecks('PASSED')],
    ]);
    expect(took).toBeNull();
  });
});
