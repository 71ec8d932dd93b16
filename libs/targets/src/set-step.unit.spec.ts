import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '#testing/manual-clock.js';
import { SetStep } from './set-step.js';
import type { OperationState, SetOperation, TargetDriver } from './target.driver.js';

const FENCE = { handOver: 1, epoch: 1 };

/** A target that answers so, and writes down what it was asked. */
function target(states: readonly Partial<OperationState>[], live = 'new', there = ['main', 'new']) {
  const asked: string[] = [];
  const left = [...states];
  const answer = (what: string) => {
    asked.push(what);
    return Promise.resolve({ id: 'op', ...left.shift() } as OperationState);
  };
  const driver = {
    submitSet: (_: SetOperation, { epoch }: typeof FENCE) => answer(`submit ${String(epoch)}`),
    pollSet: () => answer('poll'),
    sets: () => Promise.resolve(there.map((name) => ({ name, live: name === live, listed: 1 }))),
  } as unknown as TargetDriver;
  const clock = new ManualClock();
  return { step: new SetStep(driver, clock), asked, clock };
}

const operation = (verb: SetOperation['verb']): SetOperation => ({ id: 'op', verb, set: 'new' });
const RUNNING = { state: 'RUNNING' } as const;
const SUCCEEDED = { state: 'SUCCEEDED' } as const;

describe('an operation on a set', () => {
  it('is submitted once and then looked after', async () => {
    const { step, asked } = target([RUNNING, RUNNING, SUCCEEDED]);
    expect(await step.advance(operation('switch'), FENCE, 0)).toEqual({ state: 'RUNNING' });
    const done = { state: 'DONE', liveSet: 'new' };
    expect(await step.advance(operation('switch'), FENCE, 0)).toEqual(done);
    expect(asked).toEqual(['submit 1', 'poll', 'poll']);
  });

  it('is submitted again under a new fence, and when the target has forgotten it', async () => {
    const { step, asked } = target([RUNNING, RUNNING, RUNNING, { state: 'UNKNOWN' }, SUCCEEDED]);
    await step.advance(operation('switch'), FENCE, 0);
    await step.advance(operation('switch'), { ...FENCE, epoch: 2 }, 0);
    await step.advance(operation('switch'), { ...FENCE, epoch: 2 }, 0);
    expect(asked).toEqual(['submit 1', 'poll', 'submit 2', 'poll', 'submit 2']);
  });

  it('is submitted ever more seldom to a target that forgets it again and again', async () => {
    const forgets = Array.from({ length: 6 }, () => [RUNNING, { state: 'UNKNOWN' } as const]);
    const { step, clock } = target(forgets.flat());
    const pausesMs: number[] = [];
    while (pausesMs.length < forgets.length) {
      const sinceMs = clock.nowMs();
      await step.advance(operation('switch'), FENCE, 1_000);
      pausesMs.push(clock.nowMs() - sinceMs);
    }
    expect(pausesMs).toEqual([0, 100, 200, 400, 800, 1_000]);
  });

  it('is over for whoever was superseded', async () => {
    const by = { handOver: 2, epoch: 1 };
    const { step } = target([{ state: 'REFUSED', fence: by }]);
    const superseded = { state: 'SUPERSEDED', by };
    expect(await step.advance(operation('switch'), FENCE, 0)).toEqual(superseded);
  });

  it('is not believed when the target says something else', async () => {
    const lies = [
      ['switch', target([SUCCEEDED], 'main'), /traffic goes to main/],
      ['createSet', target([SUCCEEDED], 'main', ['main']), /is not there/],
      ['retireSet', target([SUCCEEDED], 'main'), /still there/],
    ] as const;
    for (const [verb, { step }, reason] of lies) {
      const standing = await step.advance(operation(verb), FENCE, 0);
      expect(standing).toEqual({ state: 'FAILED', reason: expect.stringMatching(reason) });
    }
  });
});
