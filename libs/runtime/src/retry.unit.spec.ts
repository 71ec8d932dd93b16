import { describe, expect, it } from '@jest/globals';
import { pauseBeforeRetryMs, retryTransient } from './retry.js';
import { SteppedClock } from './stepped-clock.js';

const always = (): boolean => true;

describe('retryTransient', () => {
  it('tries again after growing pauses and answers what came in the end', async () => {
    const clock = new SteppedClock();
    const triedAtMs: number[] = [];
    const result = retryTransient(
      (attempt) => {
        triedAtMs.push(clock.nowMs());
        return attempt < 5 ? Promise.reject(new Error('away')) : Promise.resolve('there');
      },
      {
        isTransient: always,
        clock,
        random: () => 1,
        limitMs: Infinity,
        firstPauseMs: 10,
        maxPauseMs: 40,
      },
    );
    await clock.advance(1000);
    await expect(result).resolves.toBe('there');
    expect(triedAtMs).toEqual([0, 10, 30, 70, 110]);
  });

  it('throws a lasting fault at once', async () => {
    const clock = new SteppedClock();
    let tries = 0;
    const work = (): Promise<never> => {
      tries += 1;
      return Promise.reject(new Error('wrong'));
    };
    const options = { isTransient: () => false, clock, random: () => 0, limitMs: 1000 };
    await expect(retryTransient(work, options)).rejects.toThrow('wrong');
    expect(tries).toBe(1);
  });

  it('begins no try after its limit', async () => {
    const clock = new SteppedClock();
    let tries = 0;
    const result = retryTransient(
      () => {
        tries += 1;
        return Promise.reject(new Error(`try ${String(tries)}`));
      },
      { isTransient: always, clock, random: () => 1, limitMs: 100, firstPauseMs: 40 },
    );
    const outcome = expect(result).rejects.toThrow('try 2');
    await clock.advance(1000);
    await outcome;
    expect(tries).toBe(2);
  });

  it('ends with the last error when aborted in a pause', async () => {
    const clock = new SteppedClock();
    const abort = new AbortController();
    const result = retryTransient(() => Promise.reject(new Error('away')), {
      isTransient: always,
      clock,
      random: () => 1,
      limitMs: Infinity,
      signal: abort.signal,
    });
    const outcome = expect(result).rejects.toThrow('away');
    await clock.settle();
    abort.abort();
    await outcome;
  });

  it('keeps half of a pause and leaves the other half to chance', () => {
    expect(pauseBeforeRetryMs(3, () => 0, { firstPauseMs: 10, maxPauseMs: 1000 })).toBe(20);
    expect(pauseBeforeRetryMs(3, () => 0.999, { firstPauseMs: 10, maxPauseMs: 1000 })).toBe(40);
    expect(pauseBeforeRetryMs(5000, () => 0, { maxPauseMs: 1000 })).toBe(500);
  });
});
