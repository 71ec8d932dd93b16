import { describe, expect, it } from '@jest/globals';
import { InMemoryFleetStore } from './in-memory-fleet.store.js';
import { InstanceSteps, type StepOutcome } from './instance-steps.js';
import { ManualClock } from '#testing/manual-clock.js';
import { SimulatedTargets } from './simulated-targets.js';

const FENCE = { handOver: 1, epoch: 1 };
const SETTINGS = {
  executionId: 'x',
  drainTimeoutMs: 5_000,
  healthCheckIntervalMs: 1_000,
  healthCheckTimeoutMs: 10_000,
  drainDeadlineMs: 35_000,
  bringDeadlineMs: 60_000,
  healthDeadlineMs: 40_000,
};

describe('a readmission that is looked at once more', () => {
  /** An operation of a lower fence that arrives between the look and the readmission. */
  async function overtaken(looksAfterReadmit: boolean): Promise<StepOutcome[]> {
    const clock = new ManualClock();
    const targets = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
    const driver = targets.open({ fleet: 't/c', version: '1.1.0', instances: 1 });
    const submit = driver.submit.bind(driver);
    driver.submit = async (operations, fence, signal) => {
      const late = { id: 'late', instanceId: 'i-000000', verb: 'bring', version: '1.2.0' } as const;
      await submit([late], { handOver: 0, epoch: 9 });
      return submit(operations, fence, signal);
    };
    const steps = new InstanceSteps(driver, { ...SETTINGS, looksAfterReadmit }, clock);
    const about = { index: 0, instanceId: 'i-000000', attempt: 1, version: '1.1.0' };
    const sinceMs = clock.nowMs();
    steps.put([{ ...about, step: 'HEALTH_CHECKING', artifacts: {}, sinceMs }]);
    const settled: StepOutcome[] = [];
    while (steps.size > 0) {
      const advance = await steps.advance(FENCE, 0);
      settled.push(...advance.settled);
      clock.pass(20);
    }
    return settled;
  }

  it('shows what a late operation of a lower fence did', async () => {
    expect(await overtaken(true)).toMatchObject([{ outcome: 'FAILED', failure: 'WRONG_VERSION' }]);
    expect(await overtaken(false)).toMatchObject([{ outcome: 'DONE' }]);
  });
});
