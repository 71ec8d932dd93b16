import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Loop } from '#runtime/loop.js';
import { VirtualClock } from './virtual-clock.js';

const LIMITS = { limitMs: 1e9, eventsMax: 100_000 };

describe('virtual time', () => {
  it('passes from event to event, in the order in which they are due', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 50 }), { maxLength: 60 }), async (pauses) => {
        const clock = new VirtualClock(1_000);
        const woken: [number, number][] = [];
        for (const [serial, ms] of pauses.entries()) {
          void clock.sleep(ms).then(() => woken.push([clock.nowMs() - 1_000, serial]));
        }
        expect(await clock.runUntil(() => false, LIMITS)).toBe('IDLE');
        const expected = pauses.map((ms, serial): [number, number] => [ms, serial]);
        expect(woken).toEqual(expected.sort((a, b) => a[0] - b[0] || a[1] - b[1]));
      }),
      { numRuns: 50 },
    );
  });

  it('lets every promise go on before the next event', async () => {
    const clock = new VirtualClock(0);
    const order: string[] = [];
    void clock.sleep(10).then(async () => {
      for (let turn = 0; turn < 1_000; turn += 1) await Promise.resolve();
      order.push('a thousand turns later');
    });
    void clock.sleep(10).then(() => order.push('the next'));
    await clock.runUntil(() => false, LIMITS);
    expect(order).toEqual(['a thousand turns later', 'the next']);
  });

  it('an aborted sleep ends at once and takes no time', async () => {
    const clock = new VirtualClock(0);
    const abort = new AbortController();
    const asleep = clock.sleep(Infinity, abort.signal);
    const long = clock.sleep(1_000, abort.signal);
    abort.abort();
    await Promise.all([asleep, long]);
    expect(await clock.runUntil(() => false, LIMITS)).toBe('IDLE');
    expect(clock.nowMs()).toBe(0);
  });

  it('forgets sleeps that were cut short, however many there were', async () => {
    const clock = new VirtualClock(0);
    for (let time = 0; time < 5_000; time += 1) {
      const abort = new AbortController();
      void clock.sleep(time % 7 === 0 ? 10 : 1e6, abort.signal);
      if (time % 7 !== 0) abort.abort();
    }
    expect(await clock.runUntil(() => false, LIMITS)).toBe('IDLE');
    expect([clock.nowMs(), clock.happened]).toEqual([10, Math.ceil(5_000 / 7)]);
  });

  it('stops at its limits: too late, or too much', async () => {
    const clock = new VirtualClock(0);
    const loop = new Loop(
      'endless',
      () => Promise.resolve(100),
      clock,
      () => undefined,
    );
    loop.start();
    expect(await clock.runUntil(() => false, { limitMs: 1_050, eventsMax: 1_000 })).toBe(
      'TOO_LATE',
    );
    expect(clock.nowMs()).toBe(1_050);
    expect(await clock.runUntil(() => false, { limitMs: 1e9, eventsMax: 5 })).toBe('TOO_MUCH');
    expect(await clock.runUntil(() => clock.nowMs() > 5_000, LIMITS)).toBe('HOLDS');
  });
});
