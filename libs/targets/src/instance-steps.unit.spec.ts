import { describe, expect, it } from '@jest/globals';
import { InMemoryFleetStore } from './in-memory-fleet.store.js';
import { InstanceSteps } from './instance-steps.js';
import type { Advance, Step, StepName, StepOutcome } from './instance-steps.js';
import { ManualClock } from '#testing/manual-clock.js';
import type { SimulatedFault } from './simulated-faults.js';
import { SimulatedTargets } from './simulated-targets.js';
import { TargetDriver, TargetUnreachableError } from './target.driver.js';
import type { Fence, InstanceOperation, ListPage, OperationState } from './target.driver.js';

const FENCE: Fence = { handOver: 1, epoch: 1 };
const SETTINGS = {
  executionId: 'x',
  drainTimeoutMs: 5_000,
  healthCheckIntervalMs: 1_000,
  healthCheckTimeoutMs: 10_000,
  drainDeadlineMs: 35_000,
  bringDeadlineMs: 60_000,
  healthDeadlineMs: 40_000,
};

interface Walked {
  readonly clock: ManualClock;
  readonly targets: SimulatedTargets;
  readonly target: Record<string, unknown>;
  readonly steps: InstanceSteps;
  step(index: number, step: StepName, attempt?: number): Step;
  /** Rounds until nothing is left, or `rounds` are over. */
  walk(rounds?: number): Promise<StepOutcome[]>;
}

function walkOn(
  faults: SimulatedFault[] = [],
  settings: Partial<typeof SETTINGS> & { latencyMs?: number } = {},
): Walked {
  const { latencyMs = 0, ...own } = settings;
  const clock = new ManualClock();
  const targets = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
  const target = { fleet: 't/c', version: '1.0.0', faults, latencyMs, instances: 2_000 };
  const steps = new InstanceSteps(targets.open(target), { ...SETTINGS, ...own }, clock);
  return {
    clock,
    targets,
    target,
    steps,
    step: (index, step, attempt = 1) => stepOf(index, step, attempt, clock.nowMs()),
    walk: async (rounds = 10_000) => {
      const settled: StepOutcome[] = [];
      for (let round = 0; round < rounds && steps.size > 0; round += 1) {
        const advance = await steps.advance(FENCE, 1_000);
        settled.push(...advance.settled);
        if (steps.size > 0) clock.pass(advance.nextDueMs - clock.nowMs());
      }
      return settled;
    },
  };
}

function stepOf(index: number, step: StepName, attempt: number, sinceMs: number): Step {
  const instanceId = `i-${String(index).padStart(6, '0')}`;
  return { index, instanceId, step, attempt, version: '1.1.0', artifacts: {}, sinceMs };
}

async function walkThrough(walked: Walked, index: number): Promise<StepOutcome[]> {
  const outcomes: StepOutcome[] = [];
  for (const step of ['DRAINING', 'UPGRADING', 'HEALTH_CHECKING'] as const) {
    walked.steps.put([walked.step(index, step)]);
    outcomes.push(...(await walked.walk()));
  }
  return outcomes;
}

describe('walking an instance', () => {
  it('drains, brings, checks and readmits it, each step in one round of a quick target', async () => {
    const walked = walkOn();
    expect(await walkThrough(walked, 0)).toEqual([
      { index: 0, step: 'DRAINING', attempt: 1, outcome: 'DONE' },
      { index: 0, step: 'UPGRADING', attempt: 1, outcome: 'DONE' },
      { index: 0, step: 'HEALTH_CHECKING', attempt: 1, outcome: 'DONE' },
    ]);
    const driver = walked.targets.open(walked.target);
    expect((await driver.list({ limit: 1 })).instances).toMatchObject([
      { version: '1.1.0', admitted: true },
    ]);
    const verbs = (await walked.targets.history(walked.target)).map((act) => act.operationId);
    expect(verbs).toEqual(['x/0/1/drain', 'x/0/1/bring', 'x/0/1/readmit']);
  });

  it('waits for a target that takes its time', async () => {
    const walked = walkOn([], { latencyMs: 3_000 });
    const outcomes = await walkThrough(walked, 0);
    expect(outcomes.map((outcome) => outcome.outcome)).toEqual(['DONE', 'DONE', 'DONE']);
  });

  it('begins a step put twice only once, and the same step again after a restart neither', async () => {
    const walked = walkOn([], { latencyMs: 3_000 });
    const step = walked.step(0, 'UPGRADING');
    walked.steps.put([step]);
    await walked.steps.advance(FENCE, 0);
    walked.steps.put([step]);
    await walked.steps.advance(FENCE, 0);
    const rebuilt = new InstanceSteps(walked.targets.open(walked.target), SETTINGS, walked.clock);
    rebuilt.put([step]);
    await rebuilt.advance({ handOver: 1, epoch: 2 }, 0);
    expect(await walked.targets.history(walked.target)).toHaveLength(1);
  });

  it('does not submit a step again that is put again, but another attempt of it', async () => {
    const clock = new ManualClock();
    const submitted: string[] = [];
    const driver = new ScriptedDriver({
      submit: (operations) =>
        operations.map(({ id }) => {
          submitted.push(id);
          return { id, state: 'RUNNING' };
        }),
      poll: (operations) => operations.map(({ id }) => ({ id, state: 'RUNNING' })),
    });
    const steps = new InstanceSteps(driver, SETTINGS, clock);
    for (const attempt of [1, 1, 2]) {
      steps.put([stepOf(0, 'DRAINING', attempt, clock.nowMs())]);
      await steps.advance(FENCE, 0);
    }
    expect(submitted).toEqual(['x/0/1/drain', 'x/0/2/drain']);
  });

  it('has nothing left to do once steps are removed', async () => {
    const walked = walkOn([{ on: 'DRAIN', how: 'HANG' }]);
    walked.steps.put([walked.step(0, 'DRAINING'), walked.step(1, 'DRAINING')]);
    await walked.steps.advance(FENCE, 0);
    walked.steps.remove([0, 1]);
    expect(await walked.steps.advance(FENCE, 1_000)).toEqual({ settled: [], nextDueMs: Infinity });
  });

  it('takes more instances than one call may carry', async () => {
    const walked = walkOn([], { latencyMs: 100 });
    walked.steps.put(Array.from({ length: 1_500 }, (_, index) => walked.step(index, 'DRAINING')));
    expect(await walked.walk()).toHaveLength(1_500);
  });
});

describe('an instance that fails', () => {
  const failures = async (
    step: StepName,
    faults: SimulatedFault[],
    before: StepName[] = [],
  ): Promise<StepOutcome | undefined> => {
    const walked = walkOn(faults);
    for (const each of before) {
      walked.steps.put([walked.step(0, each)]);
      await walked.walk();
    }
    walked.steps.put([walked.step(0, step)]);
    return (await walked.walk()).at(-1);
  };

  it.each([
    ['DRAINING', 'DRAIN', 'FAIL', 'DRAIN_FAILED'],
    ['DRAINING', 'DRAIN', 'HANG', 'TIMEOUT'],
    ['DRAINING', 'DRAIN', 'VANISH', 'VANISHED'],
    ['UPGRADING', 'BRING', 'FAIL', 'BRING_FAILED'],
    ['UPGRADING', 'BRING', 'HANG', 'TIMEOUT'],
    ['UPGRADING', 'BRING', 'VANISH', 'VANISHED'],
    ['UPGRADING', 'BRING', 'NO_DATA', 'TIMEOUT'],
  ] as const)('%s under %s %s is %s', async (step, on, how, failure) => {
    expect(await failures(step, [{ on, how }])).toMatchObject({ outcome: 'FAILED', failure });
  });

  it.each([
    ['BRING', 'LIE', 'WRONG_VERSION'],
    ['HEALTH', 'FAIL', 'UNHEALTHY'],
    ['HEALTH', 'HANG', 'UNHEALTHY'],
    ['HEALTH', 'NO_DATA', 'UNHEALTHY'],
    ['HEALTH', 'LIE', 'WRONG_VERSION'],
    ['HEALTH', 'VANISH', 'VANISHED'],
  ] as const)('HEALTH_CHECKING under %s %s is %s', async (on, how, failure) => {
    const outcome = await failures('HEALTH_CHECKING', [{ on, how }], ['UPGRADING']);
    expect(outcome).toMatchObject({ outcome: 'FAILED', failure });
    expect(outcome?.reason).toEqual(expect.any(String));
  });

  it('is READMIT_FAILED when it fell between check and readmission', async () => {
    const walked = walkOn([], { latencyMs: 0 });
    const refusing = new ScriptedDriver({
      submit: (operations) =>
        operations.map(({ id }) => ({ id, state: 'FAILED', reason: 'it fell' })),
      list: () => [{ id: 'i-000000', version: '1.1.0' }],
    });
    const steps = new InstanceSteps(refusing, SETTINGS, walked.clock);
    steps.put([walked.step(0, 'HEALTH_CHECKING')]);
    expect((await steps.advance(FENCE, 0)).settled).toMatchObject([
      { failure: 'READMIT_FAILED', reason: 'it fell' },
    ]);
  });

  it('does not hold up the others of its batch', async () => {
    const walked = walkOn([{ instance: 0, on: 'BRING', how: 'HANG' }]);
    walked.steps.put([0, 1, 2].map((index) => walked.step(index, 'UPGRADING')));
    const { settled } = await walked.steps.advance(FENCE, 60_000);
    expect(settled.map((outcome) => outcome.index)).toEqual([1, 2]);
    expect(walked.clock.nowMs()).toBe(1_000_000);
  });
});

describe('health checks', () => {
  it('come at once, then every interval, and once more when the time is up', async () => {
    const walked = walkOn([{ on: 'HEALTH', how: 'FAIL' }]);
    walked.steps.put([walked.step(0, 'UPGRADING')]);
    await walked.walk();
    const sinceMs = walked.clock.nowMs();
    walked.steps.put([walked.step(0, 'HEALTH_CHECKING')]);
    const dueMs: number[] = [];
    let advance: Advance;
    do {
      advance = await walked.steps.advance(FENCE, 60_000);
      if (walked.steps.size === 0) break;
      dueMs.push(advance.nextDueMs - sinceMs);
      walked.clock.pass(advance.nextDueMs - walked.clock.nowMs());
    } while (walked.steps.size > 0);
    expect(dueMs).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((second) => second * 1_000));
    expect(advance.settled).toMatchObject([{ failure: 'UNHEALTHY' }]);
  });

  it('lie at least 20 ms apart when the interval is 0', async () => {
    const walked = walkOn([{ on: 'HEALTH', how: 'FAIL' }], { healthCheckIntervalMs: 0 });
    walked.steps.put([walked.step(0, 'UPGRADING')]);
    await walked.walk();
    walked.steps.put([walked.step(0, 'HEALTH_CHECKING')]);
    const { nextDueMs } = await walked.steps.advance(FENCE, 0);
    expect(nextDueMs - walked.clock.nowMs()).toBe(20);
  });

  it('look once even when the time was up before anybody could look', async () => {
    const walked = walkOn();
    walked.steps.put([walked.step(0, 'UPGRADING')]);
    await walked.walk();
    const step = walked.step(0, 'HEALTH_CHECKING');
    walked.clock.pass(20_000);
    walked.steps.put([step]);
    expect((await walked.steps.advance(FENCE, 0)).settled).toMatchObject([{ outcome: 'DONE' }]);
  });

  it('end early when a flapping instance gets well', async () => {
    const walked = walkOn([{ on: 'HEALTH', how: 'FAIL', times: 3 }]);
    walked.steps.put([walked.step(0, 'UPGRADING')]);
    await walked.walk();
    walked.steps.put([walked.step(0, 'HEALTH_CHECKING')]);
    expect(await walked.walk()).toMatchObject([{ outcome: 'DONE' }]);
  });
});

describe('a target that does not do as it should', () => {
  it('that cannot be asked is tried again later, and deadlines count', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const driver = new ScriptedDriver({
      submit: () => {
        asked += 1;
        throw new TargetUnreachableError('no answer');
      },
    });
    const steps = new InstanceSteps(driver, SETTINGS, clock);
    steps.put([stepOf(0, 'DRAINING', 1, clock.nowMs())]);
    const first = await steps.advance(FENCE, 1_000);
    expect(first).toMatchObject({ settled: [], unreachable: 'no answer' });
    expect(first.nextDueMs - clock.nowMs()).toBe(100);
    const second = await steps.advance(FENCE, 1_000);
    expect(second.nextDueMs - clock.nowMs()).toBe(200);
    clock.pass(40_000);
    expect((await steps.advance(FENCE, 1_000)).settled).toMatchObject([{ failure: 'TIMEOUT' }]);
    expect(asked).toBe(3);
  });

  it('that cannot list still tells how operations stand', async () => {
    const clock = new ManualClock();
    const driver = new ScriptedDriver({
      submit: (operations) => operations.map(({ id }) => ({ id, state: 'RUNNING' })),
      poll: (operations) => operations.map(({ id }) => ({ id, state: 'SUCCEEDED' })),
      list: () => {
        throw new TargetUnreachableError('no list');
      },
    });
    const steps = new InstanceSteps(driver, SETTINGS, clock);
    steps.put([stepOf(0, 'DRAINING', 1, 0 + clock.nowMs())]);
    steps.put([stepOf(1, 'HEALTH_CHECKING', 1, clock.nowMs())]);
    const advance = await steps.advance(FENCE, 0);
    expect(advance.settled).toMatchObject([{ index: 0, outcome: 'DONE' }]);
    expect(advance.unreachable).toBe('no list');
  });

  it('that refuses names who drives it now, and nothing is settled', async () => {
    const walked = walkOn();
    walked.steps.put([walked.step(0, 'DRAINING')]);
    await walked.walk();
    await walked.targets
      .open(walked.target)
      .submit([{ id: 'other', instanceId: 'i-000000', verb: 'drain' }], { handOver: 3, epoch: 1 });
    walked.steps.put([walked.step(0, 'UPGRADING')]);
    expect(await walked.steps.advance(FENCE, 0)).toMatchObject({
      settled: [],
      superseded: { handOver: 3, epoch: 1 },
    });
    expect(walked.steps.size).toBe(1);
  });

  it('that answers at once and never ends is not spun', async () => {
    const clock = new ManualClock();
    const driver = new ScriptedDriver({
      submit: (operations) => operations.map(({ id }) => ({ id, state: 'RUNNING' })),
      poll: (operations) => operations.map(({ id }) => ({ id, state: 'RUNNING' })),
    });
    const steps = new InstanceSteps(driver, SETTINGS, clock);
    steps.put([stepOf(0, 'DRAINING', 1, clock.nowMs())]);
    expect((await steps.advance(FENCE, 1_000)).nextDueMs - clock.nowMs()).toBe(20);
  });

  it('that answers for fewer than were asked has said nothing about the rest', async () => {
    const clock = new ManualClock();
    const driver = new ScriptedDriver({ submit: () => [] });
    const steps = new InstanceSteps(driver, SETTINGS, clock);
    steps.put([stepOf(0, 'DRAINING', 1, clock.nowMs())]);
    expect((await steps.advance(FENCE, 0)).settled).toEqual([]);
    expect(steps.size).toBe(1);
  });

  it('a mistake of the driver itself is not taken for an unreachable target', async () => {
    const clock = new ManualClock();
    const driver = new ScriptedDriver({
      submit: () => {
        throw new RangeError('a mistake');
      },
    });
    const steps = new InstanceSteps(driver, SETTINGS, clock);
    steps.put([stepOf(0, 'DRAINING', 1, clock.nowMs())]);
    await expect(steps.advance(FENCE, 0)).rejects.toThrow('a mistake');
  });
});

interface Script {
  submit?(operations: readonly InstanceOperation[]): OperationState[];
  poll?(operations: readonly { readonly id: string }[]): OperationState[];
  list?(): { id: string; version: string }[];
}

/** What no walk of an instance asks for. */
const notAsked = () => Promise.reject(new Error('nobody should ask that'));

class ScriptedDriver extends TargetDriver {
  override sets = notAsked;
  override submitSet = notAsked;
  override pollSet = notAsked;
  override backups = notAsked;
  override metric = notAsked;
  override address = notAsked;

  readonly #script: Script;

  constructor(script: Script) {
    super();
    this.#script = script;
  }

  override capabilities() {
    return Promise.resolve({ sets: false, weights: false, backups: false, metrics: false });
  }

  override async list(): Promise<ListPage> {
    const listed = await Promise.resolve(this.#script.list?.() ?? []);
    const up = { admitted: true, healthy: true, problem: null };
    return { instances: listed.map((each) => ({ ...each, ...up })), nextCursor: null };
  }

  override room() {
    return Promise.resolve({ listed: 0, down: 0, spare: 0 });
  }

  override async submit(operations: readonly InstanceOperation[]): Promise<OperationState[]> {
    return Promise.resolve(this.#script.submit?.(operations) ?? []);
  }

  override async poll(operations: readonly { readonly id: string }[]): Promise<OperationState[]> {
    return Promise.resolve(this.#script.poll?.(operations) ?? []);
  }
}
