import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '#testing/manual-clock.js';
import { problemOf } from './instance-step.js';
import { InstanceSteps, type Step, type StepName } from './instance-steps.js';
import { TargetDriver, TargetUnreachableError } from './target.driver.js';
import type { InstanceOperation, ListPage, ObservedInstance } from './target.driver.js';
import type { OperationState } from './target.driver.js';

const FENCE = { handOver: 1, epoch: 1 };
const SETTINGS = {
  executionId: 'x',
  drainTimeoutMs: 5_000,
  healthCheckIntervalMs: 4_000,
  healthCheckTimeoutMs: 10_000,
  drainDeadlineMs: 35_000,
  bringDeadlineMs: 60_000,
  healthDeadlineMs: 40_000,
};

/** What no walk of an instance asks for. */
const notAsked = () => Promise.reject(new Error('nobody should ask that'));

/** A target that answers as the test says, and counts what it was asked. */
class AnsweringDriver extends TargetDriver {
  override capabilities = notAsked;
  override room = notAsked;
  override sets = notAsked;
  override submitSet = notAsked;
  override pollSet = notAsked;
  override backups = notAsked;
  override metric = notAsked;
  override address = notAsked;
  readonly asked: string[] = [];
  submitted: (id: string) => OperationState = (id) => ({ id, state: 'RUNNING' });
  polled: (id: string) => Promise<OperationState> = (id) =>
    Promise.resolve({ id, state: 'RUNNING' });
  listed: Partial<ObservedInstance> = {};

  override submit(operations: readonly InstanceOperation[]): Promise<OperationState[]> {
    this.asked.push(...operations.map(({ id }) => `submit ${id}`));
    return Promise.resolve(operations.map(({ id }) => this.submitted(id)));
  }
  override poll(operations: readonly { readonly id: string }[]): Promise<OperationState[]> {
    this.asked.push(...operations.map(({ id }) => `poll ${id}`));
    return Promise.all(operations.map(({ id }) => this.polled(id)));
  }
  override list({ ids = [] }: { readonly ids?: readonly string[] }): Promise<ListPage> {
    this.asked.push('list');
    const seen = { version: '1.1.0', admitted: true, healthy: true, problem: null };
    const instances = ids.map((id) => ({ id, ...seen, ...this.listed }));
    return Promise.resolve({ instances, nextCursor: null });
  }
}

function walked(): { clock: ManualClock; driver: AnsweringDriver; steps: InstanceSteps } {
  const clock = new ManualClock();
  const driver = new AnsweringDriver();
  return { clock, driver, steps: new InstanceSteps(driver, SETTINGS, clock) };
}

function stepOf(index: number, step: StepName, clock: ManualClock, attempt = 1): Step {
  const version = '1.1.0';
  return {
    index,
    instanceId: `i-${index}`,
    step,
    attempt,
    version,
    artifacts: {},
    sinceMs: clock.nowMs(),
  };
}

describe('an operation', () => {
  it('that its target has forgotten is submitted again', async () => {
    const { clock, driver, steps } = walked();
    steps.put([stepOf(0, 'DRAINING', clock)]);
    driver.polled = (id) => Promise.resolve({ id, state: 'UNKNOWN' });
    await steps.advance(FENCE, 0);
    await steps.advance(FENCE, 0);
    const submits = driver.asked.filter((asked) => asked.startsWith('submit'));
    expect(submits).toEqual(['submit x/0/1/drain', 'submit x/0/1/drain']);
  });

  it('that its target forgets again and again is submitted ever more seldom', async () => {
    const { clock, driver, steps } = walked();
    steps.put([stepOf(0, 'DRAINING', clock)]);
    driver.polled = (id) => Promise.resolve({ id, state: 'UNKNOWN' });
    const submittedAtMs: number[] = [];
    driver.submitted = (id) => {
      submittedAtMs.push(clock.nowMs() - startMs);
      return { id, state: 'RUNNING' };
    };
    const startMs = clock.nowMs();
    for (let ms = 0; ms <= 5_000; ms += 50) {
      await steps.advance(FENCE, 0);
      clock.pass(50);
    }
    expect(submittedAtMs).toEqual([0, 50, 150, 350, 750, 1_550, 3_150]);
  });

  it('whose answer comes when another attempt has begun says nothing about that', async () => {
    const { clock, driver, steps } = walked();
    steps.put([stepOf(0, 'DRAINING', clock)]);
    driver.polled = (id) => {
      steps.put([stepOf(0, 'DRAINING', clock, 2)]);
      return Promise.resolve({ id, state: 'SUCCEEDED' });
    };
    expect((await steps.advance(FENCE, 0)).settled).toEqual([]);
    expect(steps.size).toBe(1);
  });

  it('that is refused ends the round: whoever drives the target now is not disturbed', async () => {
    const { clock, driver, steps } = walked();
    steps.put([stepOf(0, 'DRAINING', clock)]);
    await steps.advance(FENCE, 0);
    driver.asked.length = 0;
    driver.submitted = (id) => ({ id, state: 'REFUSED', fence: { handOver: 2, epoch: 1 } });
    steps.put([stepOf(1, 'DRAINING', clock), stepOf(2, 'HEALTH_CHECKING', clock)]);
    const { superseded, settled } = await steps.advance(FENCE, 0);
    expect({ superseded, settled }).toEqual({ superseded: { handOver: 2, epoch: 1 }, settled: [] });
    expect(driver.asked).toEqual(['submit x/1/1/drain']);
  });

  it('that is refused twice names the higher fence of the two', async () => {
    const { clock, driver, steps } = walked();
    driver.submitted = (id) => {
      const handOver = id.startsWith('x/0/') ? 2 : 3;
      return { id, state: 'REFUSED', fence: { handOver, epoch: 1 } };
    };
    steps.put([stepOf(0, 'DRAINING', clock), stepOf(1, 'DRAINING', clock)]);
    expect((await steps.advance(FENCE, 0)).superseded).toEqual({ handOver: 3, epoch: 1 });
  });
});

describe('a target that cannot be asked how operations stand', () => {
  const silent = () => Promise.reject(new TargetUnreachableError('connection refused'));

  it('is said to be unreachable, and nothing is settled', async () => {
    const { clock, driver, steps } = walked();
    driver.polled = silent;
    steps.put([stepOf(0, 'DRAINING', clock)]);
    const advance = await steps.advance(FENCE, 0);
    expect(advance).toMatchObject({ settled: [], unreachable: 'connection refused' });
  });

  it('is asked less and less often, and anew once it has answered', async () => {
    const { clock, driver, steps } = walked();
    steps.put([stepOf(0, 'DRAINING', clock)]);
    const pauseMs = async (): Promise<number> => {
      const { nextDueMs } = await steps.advance(FENCE, 0);
      return nextDueMs - clock.nowMs();
    };
    driver.polled = silent;
    const [first, second] = [await pauseMs(), await pauseMs()];
    expect(second).toBeGreaterThan(first);
    driver.polled = (id) => Promise.resolve({ id, state: 'RUNNING' });
    await pauseMs();
    driver.polled = silent;
    expect(await pauseMs()).toBe(first);
  });
});

describe('a health check', () => {
  it('falls on the end of its time, however long the interval is', async () => {
    const { clock, driver, steps } = walked();
    driver.listed = { healthy: false };
    const sinceMs = clock.nowMs();
    steps.put([stepOf(0, 'HEALTH_CHECKING', clock)]);
    const dueMs: number[] = [];
    while (steps.size > 0 && dueMs.length < 5) {
      const { nextDueMs } = await steps.advance(FENCE, 0);
      if (steps.size === 0) break;
      dueMs.push(nextDueMs - sinceMs);
      clock.pass(nextDueMs - clock.nowMs());
    }
    expect(dueMs).toEqual([4_000, 8_000, 10_000]);
  });

  it('is not passed by an instance that does not say its version', () => {
    const seen = { id: 'i-0', admitted: true, healthy: true, problem: null };
    expect(problemOf({ ...seen, version: '1.1.0' }, '1.1.0')).toBeNull();
    const unsaid = problemOf({ ...seen, version: null }, '1.1.0');
    expect(unsaid).toMatchObject({ failure: 'WRONG_VERSION' });
  });
});
