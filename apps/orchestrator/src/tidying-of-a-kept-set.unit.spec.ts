import { beforeEach, describe, expect, it } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { anExecution, aNewSet } from '#testing/an-execution.js';
import type { Execution } from '#core/execution/execution.js';
import type { ExecutionStore, StandingDeployment } from './persistence/execution.store.js';
import { TidyingRunner } from './tidying.runner.js';

const KIND = 'RETIRE_STANDBY';

describe('a kept set whose time has come', () => {
  const execution = anExecution()
    .ended('COMPLETED')
    .with({ newSet: aNewSet('LIVE') })
    .build();
  let clock: SteppedClock;
  let deployment: Partial<StandingDeployment>;
  let active: Execution | null;
  /** Of the timer: when it rings again, or null once it is disarmed. */
  let ringsAtMs: number | null | undefined;
  let tidying: TidyingRunner;

  beforeEach(() => {
    clock = new SteppedClock();
    ringsAtMs = undefined;
    active = null;
    const standby = { set: 'blue', versionId: execution.plan.from.id, retireAtMs: clock.nowMs() };
    deployment = { handOver: execution.handOver, standby };
    const tx = {
      lock: () => Promise.resolve(new Map([[execution.id, { execution, snapshot: {} }]])),
      deployment: () => Promise.resolve(deployment),
      disarm: () => Promise.resolve(void (ringsAtMs = null)),
      arm: ([timer]: { atMs: number }[]) => Promise.resolve(void (ringsAtMs = timer?.atMs)),
    };
    const transaction = <T>(work: (it: typeof tx) => Promise<T>): Promise<T> => work(tx);
    const store = { transaction, active: () => Promise.resolve(active) };
    tidying = new TidyingRunner(store as unknown as ExecutionStore, clock);
  });

  it('is retired under the highest hand-over of its deployment, which the target lets in', async () => {
    deployment = { ...deployment, handOver: execution.handOver + 2 };
    const operation = { verb: 'retireSet', set: 'blue' };
    expect(await tidying.due(execution.id, KIND)).toMatchObject({
      handOver: execution.handOver + 2,
      operation,
    });
  });

  it('waits for the time of whoever kept it last', async () => {
    const { standby } = deployment;
    if (!standby) throw new Error('nothing is kept');
    const retireAtMs = clock.nowMs() + 30_000;
    deployment = { ...deployment, standby: { ...standby, retireAtMs } };
    expect(await tidying.due(execution.id, KIND)).toBeNull();
    expect(ringsAtMs).toBe(retireAtMs);
  });

  it('waits for an execution that is active', async () => {
    active = execution;
    expect(await tidying.due(execution.id, KIND)).toBeNull();
    expect(ringsAtMs).toBeGreaterThan(clock.nowMs());
  });

  it('keeps its timer when it was refused, however high the hand-over is by now', async () => {
    deployment = { ...deployment, handOver: execution.handOver + 2 };
    await tidying.superseded(execution.id, KIND);
    expect(ringsAtMs).toBeGreaterThan(clock.nowMs());
  });

  it('loses its timer once the deployment keeps it no more', async () => {
    deployment = { ...deployment, standby: null };
    await tidying.superseded(execution.id, KIND);
    expect(ringsAtMs).toBeNull();
    ringsAtMs = undefined;
    expect(await tidying.due(execution.id, KIND)).toBeNull();
    expect(ringsAtMs).toBeNull();
  });

  it('traffic of an earlier execution is left to the later one', async () => {
    deployment = { ...deployment, handOver: execution.handOver + 1 };
    await tidying.superseded(execution.id, 'EVEN_TRAFFIC');
    expect(ringsAtMs).toBeNull();
  });
});
