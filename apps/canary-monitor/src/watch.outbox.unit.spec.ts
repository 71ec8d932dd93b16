import { expect, test } from '@jest/globals';
import type { CanaryWatch } from '#core/canary/canary-watch.js';
import { MESSAGE_MAX_BYTES } from '#contracts/topics.js';
import { WatchResult } from '#contracts/work.messages.js';
import { resultMessage } from './watch.outbox.js';

/** Twenty samples, each with a finding of every metric there may be. */
function watch(summary: string): CanaryWatch {
  const findings = Array.from({ length: 51 }, () => {
    return { of: summary.slice(0, 200), outcome: 'FAIL' as const, value: 0.1, summary };
  });
  const samples = Array.from({ length: 20 }, (_, at) => {
    return { number: at + 1, atMs: at, outcome: 'FAIL' as const, findings };
  });
  return {
    ...{ executionId: '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b', handOver: 3, commandId: 'c' },
    ...{ verdict: 'UNHEALTHY', reason: 'r', durationOver: true, samples },
    totals: { PASS: 0, FAIL: 20, NO_DATA: 0, ERROR: 0 },
  } as unknown as CanaryWatch;
}

function told(summary: string): WatchResult {
  const { value } = resultMessage(watch(summary), { number: 7, state: 'RUNNING' }, 0);
  expect(Buffer.byteLength(value)).toBeLessThan(MESSAGE_MAX_BYTES);
  return WatchResult.parse(JSON.parse(value));
}

test('a result has an id of its own number, and all samples', () => {
  const { id, data } = told('above the bound');
  expect(id).toBe('canary/6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b/3/7');
  expect(data.samples.map(({ number }) => number)).toEqual(
    Array.from({ length: 20 }, (_, at) => at + 1),
  );
});

test('texts that would not fit a message cost the oldest samples, never the message', () => {
  const { data } = told('界'.repeat(300));
  expect(data.samples.length).toBeGreaterThan(3);
  expect(data.samples.length).toBeLessThan(20);
  expect(data.samples.at(-1)?.number).toBe(20);
});
