import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '#testing/manual-clock.js';
import { InMemoryFleetStore } from './in-memory-fleet.store.js';
import { InstanceSteps } from './instance-steps.js';
import type { StepName, StepOutcome, StepSettings } from './instance-steps.js';
import type { SimulatedFault } from './simulated-faults.js';
import { SimulatedTargets } from './simulated-targets.js';
import type { TargetDriver } from './target.driver.js';

const FENCE = { handOver: 1, epoch: 1 };
const SETTINGS: StepSettings = {
  executionId: 'x',
  drainTimeoutMs: 5_000,
  healthCheckIntervalMs: 1_000,
  healthCheckTimeoutMs: 10_000,
  drainDeadlineMs: 35_000,
  bringDeadlineMs: 60_000,
  healthDeadlineMs: 40_000,
};
const OF_PLACE = { ids: ['new-000000'], limit: 1 };

/** The walk of the first place of a set `new` that stands by. */
class Walked {
  readonly clock = new ManualClock();
  readonly targets = new SimulatedTargets(new InMemoryFleetStore(this.clock), this.clock);
  readonly target: Record<string, unknown>;
  readonly driver: TargetDriver;
  readonly steps: InstanceSteps;

  constructor({ latencyMs = 0, ...own }: Partial<StepSettings> & { latencyMs?: number } = {}) {
    this.target = { fleet: 't/c', version: '1.0.0', latencyMs };
    this.driver = this.targets.open(this.target);
    this.steps = new InstanceSteps(this.driver, { ...SETTINGS, ...own }, this.clock);
  }

  async create(faults: SimulatedFault[] = []): Promise<this> {
    const create = { id: 'x/1/createSet', verb: 'createSet', set: 'new', size: 2 } as const;
    await this.driver.submitSet(create, FENCE);
    expect(await this.driver.pollSet(create.id, 2_000)).toMatchObject({ state: 'SUCCEEDED' });
    await this.targets.setFaults(this.target, faults);
    return this;
  }

  put(step: StepName, attempt = 1): void {
    const about = { index: 0, instanceId: 'new-000000', version: '1.1.0', artifacts: {} };
    this.steps.put([{ ...about, step, attempt, sinceMs: this.clock.nowMs() }]);
  }

  async settle(): Promise<StepOutcome[]> {
    const settled: StepOutcome[] = [];
    for (let round = 0; round < 1_000 && this.steps.size > 0; round += 1) {
      const advance = await this.steps.advance(FENCE, 1_000);
      settled.push(...advance.settled);
      if (this.steps.size > 0) this.clock.pass(advance.nextDueMs - this.clock.nowMs());
    }
    return settled;
  }

  /** There is nothing to drain where nothing runs. */
  async walk(attempt = 1): Promise<StepOutcome[]> {
    this.put('UPGRADING', attempt);
    const brought = await this.settle();
    this.put('HEALTH_CHECKING', attempt);
    return [...brought, ...(await this.settle())];
  }
}

describe('walking an instance of a new set', () => {
  it('begins by bringing it, and is done though no traffic goes to its set yet', async () => {
    const walked = await new Walked({ latencyMs: 500 }).create();
    expect(await walked.walk()).toEqual([
      { index: 0, step: 'UPGRADING', attempt: 1, outcome: 'DONE' },
      { index: 0, step: 'HEALTH_CHECKING', attempt: 1, outcome: 'DONE' },
    ]);
    const { driver } = walked;
    expect((await driver.list(OF_PLACE)).instances).toMatchObject([
      { version: '1.1.0', healthy: true, admitted: false },
    ]);
    await driver.submitSet({ id: 'x/2/switch', verb: 'switch', set: 'new' }, FENCE);
    await driver.pollSet('x/2/switch', 2_000);
    expect((await driver.list(OF_PLACE)).instances).toMatchObject([{ admitted: true }]);
  });

  it('is done as well when it is looked at once more after its readmission', async () => {
    const walked = await new Walked({ looksAfterReadmit: true }).create();
    expect(await walked.walk()).toMatchObject([{ outcome: 'DONE' }, { outcome: 'DONE' }]);
  });

  it('fails where nothing was brought to it, and begins anew in another attempt', async () => {
    const walked = await new Walked().create([{ on: 'BRING', how: 'LIE', times: 1 }]);
    expect(await walked.walk()).toMatchObject([
      { outcome: 'DONE' },
      { outcome: 'FAILED', failure: 'UNHEALTHY' },
    ]);
    expect(await walked.walk(2)).toMatchObject([{ outcome: 'DONE' }, { outcome: 'DONE' }]);
  });

  it('has vanished when its set was retired meanwhile', async () => {
    const walked = await new Walked().create([{ on: 'BRING', how: 'HANG' }]);
    walked.put('UPGRADING');
    await walked.steps.advance(FENCE, 0);
    const retire = { id: 'r/1/retireSet', verb: 'retireSet', set: 'new' } as const;
    await walked.driver.submitSet(retire, FENCE);
    expect(await walked.settle()).toMatchObject([{ outcome: 'FAILED', failure: 'VANISHED' }]);
  });
});
