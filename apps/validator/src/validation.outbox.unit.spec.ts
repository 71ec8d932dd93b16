import { expect, it } from '@jest/globals';
import type { Validation } from '#core/validation/validation.js';
import { resultMessage } from './validation.outbox.js';

const validation = {
  executionId: '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b',
  kind: 'PRE',
  handOver: 1,
  commandId: 'c1',
} as Validation;

it('results of one validation differ by their number, and one told twice is the same', () => {
  const idOf = (number: number, over: Partial<Validation> = {}): unknown => {
    const saying = { number, state: 'RUNNING', checks: [] } as const;
    const { value } = resultMessage({ ...validation, ...over }, saying, number);
    return (JSON.parse(value) as { id: unknown }).id;
  };
  const ids = [idOf(1), idOf(2), idOf(1, { kind: 'POST' }), idOf(1, { handOver: 2 })];
  expect(new Set(ids).size).toBe(4);
  expect(idOf(1)).toBe(ids[0]);
});
