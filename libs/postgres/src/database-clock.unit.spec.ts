import { describe, expect, test } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { DatabaseClock } from './database-clock.js';
import { CLOCK_FIRST_ANSWER_MAX_MS, CLOCK_SLOWED_SHARE } from './postgres-limits.js';
import { TransientDatabaseError } from './service-database.js';

const HOUR_MS = 3_600_000;
const T0 = Date.UTC(2030, 0, 1);

/** A process whose monotonic time began at 0 when the database's was `T0`. */
function process() {
  let ownMs = 0;
  const clock = new DatabaseClock(() => ownMs, new SteppedClock());
  return {
    clock,
    passMs: (ms: number) => (ownMs += ms),
    /** A question asked now, answered `tookMs` later, by a database that is ahead by so much. */
    hear: (tookMs: number, aheadMs = 0, saidAfterMs = tookMs / 2): void => {
      const askedAtMs = ownMs;
      ownMs += tookMs;
      const databaseMs = T0 + aheadMs + askedAtMs + saidAfterMs;
      clock.heard({ askedAtMs, answeredAtMs: ownMs, databaseMs });
    },
    offMs: (aheadMs = 0): number => clock.nowMs() - (T0 + aheadMs + ownMs),
  };
}

describe("the database's time", () => {
  test('is not told before the database has said it', () => {
    expect(() => process().clock.nowMs()).toThrow('has not said yet');
  });

  test('is taken to have been said in the middle of the round trip', () => {
    const { hear, offMs } = process();
    hear(200);
    expect(offMs()).toBe(0);
    const late = process();
    late.hear(200, 0, 180);
    expect(late.offMs()).toBe(80);
  });

  test('goes on by the monotonic clock, however long the database is away', () => {
    const { hear, passMs, offMs } = process();
    hear(2);
    passMs(48 * HOUR_MS);
    expect(offMs()).toBe(0);
  });

  test('is whole', () => {
    const { hear, passMs, clock } = process();
    hear(1);
    passMs(0.7);
    expect(Number.isInteger(clock.nowMs())).toBe(true);
  });

  test('a first answer that took too long is none, and the next is asked for', async () => {
    const { hear, clock, passMs } = process();
    hear(CLOCK_FIRST_ANSWER_MAX_MS + 1);
    expect(() => clock.nowMs()).toThrow('has not said yet');
    const answering = (tookMs: number) => ({
      nowMs: () => {
        passMs(tookMs);
        return Promise.resolve(T0);
      },
    });
    const slow = clock.learnFrom(answering(CLOCK_FIRST_ANSWER_MAX_MS + 1));
    await expect(slow).rejects.toThrow(TransientDatabaseError);
    await clock.learnFrom(answering(2));
    expect(clock.nowMs()).toBe(T0 + 1);
  });

  test('an answer that took long does not move what it cannot tell', () => {
    const { hear, offMs } = process();
    hear(2);
    hear(10_000, 0, 0);
    expect(offMs()).toBe(0);
    // Frozen between question and answer: the same.
    hear(60_000, 0, 60_000);
    expect(offMs()).toBe(0);
  });

  test('an answer moves it as far as it proves it wrong, however long it took', () => {
    const { hear, offMs } = process();
    hear(2);
    hear(10_000, HOUR_MS, 0);
    expect(offMs(HOUR_MS)).toBe(-10_000);
    hear(2, HOUR_MS);
    expect(offMs(HOUR_MS)).toBe(-1);
  });

  test('a bad first answer is put right by a better one', () => {
    const { hear, offMs } = process();
    hear(400, 0, 0);
    expect(offMs()).toBe(-200);
    hear(2);
    expect(offMs()).toBe(-1);
  });

  test('put forward, it is followed at once', () => {
    const { hear, offMs } = process();
    hear(2);
    hear(2, HOUR_MS);
    expect(Math.abs(offMs(HOUR_MS))).toBeLessThanOrEqual(1);
  });

  test('put back, it is waited for: slowly forward, never back, and even in the end', () => {
    const { hear, passMs, offMs, clock } = process();
    hear(2);
    let lastMs = clock.nowMs();
    let passedMs = 0;
    while (offMs(-HOUR_MS) > 1) {
      hear(2, -HOUR_MS);
      passMs(998);
      passedMs += 1_000;
      expect(clock.nowMs() - lastMs).toBeGreaterThanOrEqual(1_000 * CLOCK_SLOWED_SHARE - 2);
      lastMs = clock.nowMs();
    }
    expect(passedMs / (HOUR_MS / (1 - CLOCK_SLOWED_SHARE))).toBeCloseTo(1, 2);
    passMs(HOUR_MS);
    expect(Math.abs(offMs(-HOUR_MS))).toBeLessThanOrEqual(1);
  });

  test('of two replicas is the same, to within their round trips', () => {
    const [one, two] = [process(), process()];
    two.passMs(500_000);
    two.hear(40, -500_000, 40);
    one.hear(30, 0, 0);
    const [ofOne, ofTwo] = [one.offMs(), two.offMs(-500_000)];
    expect(Math.abs(ofOne - ofTwo)).toBeLessThanOrEqual(35);
  });
});
