import { describe, expect, it } from '@jest/globals';
import { Loop } from './loop.js';
import { SteppedClock } from './stepped-clock.js';

interface Scene {
  readonly clock: SteppedClock;
  readonly loop: Loop;
  readonly runsAtMs: number[];
  readonly errors: unknown[];
}

function scene(work: (run: number) => Promise<number>): Scene {
  const clock = new SteppedClock();
  const runsAtMs: number[] = [];
  const errors: unknown[] = [];
  const loop = new Loop(
    'ticker',
    () => {
      runsAtMs.push(clock.nowMs());
      return work(runsAtMs.length);
    },
    clock,
    (error) => errors.push(error),
  );
  return { clock, loop, runsAtMs, errors };
}

describe('a loop', () => {
  it('runs at once and then after the pause its work asked for', async () => {
    const { clock, loop, runsAtMs } = scene((run) => Promise.resolve(run === 1 ? 100 : 250));
    loop.start();
    await clock.advance(600);
    expect(runsAtMs).toEqual([0, 100, 350, 600]);
    await loop.stop();
  });

  it('runs at once when woken, once for any number of wakes', async () => {
    const { clock, loop, runsAtMs } = scene(() => Promise.resolve(1000));
    loop.start();
    await clock.advance(10);
    loop.wake();
    loop.wake();
    loop.wake();
    await clock.advance(500);
    expect(runsAtMs).toEqual([0, 10]);
    await clock.advance(510);
    expect(runsAtMs).toEqual([0, 10, 1010]);
    await loop.stop();
  });

  it('woken in the middle of a run, runs once more after it and never beside it', async () => {
    let finish = (): void => undefined;
    const { clock, loop, runsAtMs } = scene((run) =>
      run === 1
        ? new Promise<number>((resolve) => {
            finish = () => {
              resolve(1000);
            };
          })
        : Promise.resolve(1000),
    );
    loop.start();
    loop.wake();
    loop.wake();
    await clock.advance(5);
    expect(runsAtMs).toEqual([0]);
    finish();
    await clock.settle();
    expect(runsAtMs).toEqual([0, 5]);
    await loop.stop();
  });

  it('goes on after a failed run, with pauses that grow to a bound and start small again', async () => {
    const { clock, loop, runsAtMs, errors } = scene((run) =>
      run === 8 ? Promise.resolve(10) : Promise.reject(new Error(`run ${String(run)}`)),
    );
    loop.start();
    await clock.advance(3610);
    expect(runsAtMs).toEqual([0, 50, 150, 350, 750, 1550, 2550, 3550, 3560, 3610]);
    expect(errors).toHaveLength(9);
    await loop.stop();
  });

  it('is not hurried by wakes while it backs off from a fault', async () => {
    const { clock, loop, runsAtMs } = scene((run) =>
      run === 1 ? Promise.reject(new Error('away')) : Promise.resolve(1000),
    );
    loop.start();
    for (let ms = 0; ms < 49; ms += 1) {
      await clock.advance(1);
      loop.wake();
    }
    expect(runsAtMs).toEqual([0]);
    await clock.advance(1);
    expect(runsAtMs).toEqual([0, 50]);
    await loop.stop();
  });

  it('stops after the run under way and cuts a pause short', async () => {
    const { clock, loop, runsAtMs } = scene(() => Promise.resolve(Infinity));
    loop.start();
    await clock.settle();
    await loop.stop();
    loop.wake();
    await clock.advance(10_000_000);
    expect(runsAtMs).toEqual([0]);
    expect(clock.sleeping).toBe(0);
    expect(() => {
      loop.start();
    }).toThrow('started before');
  });
});
