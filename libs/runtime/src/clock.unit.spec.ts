import { describe, expect, it } from '@jest/globals';
import { SystemClock } from './clock.js';

describe('the system clock', () => {
  const clock = new SystemClock();

  it('sleeps about as long as asked', async () => {
    const startedMs = performance.now();
    await clock.sleep(20);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(19);
  });

  it('wakes when aborted, also when that was before', async () => {
    const abort = new AbortController();
    const asleep = clock.sleep(Infinity, abort.signal);
    abort.abort();
    await asleep;
    await clock.sleep(Infinity, abort.signal);
  });

  it('gives way when there is nothing to sleep', async () => {
    let isOtherDone = false;
    setImmediate(() => (isOtherDone = true));
    await clock.sleep(0);
    expect(isOtherDone).toBe(true);
  });
});
