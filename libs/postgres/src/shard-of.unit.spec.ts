import { expect, test } from '@jest/globals';
import { shardOf, SHARDS } from './shard-of.js';

test('a subject stays in its shard for ever', () => {
  expect(shardOf('0b9c5a0e-2f0f-4b52-9a51-3d0e8f5a7c11', SHARDS)).toBe(2);
  expect(shardOf('0B9C5A0E-2F0F-4B52-9A51-3D0E8F5A7C11', SHARDS)).toBe(2);
  expect(shardOf('5a3f7d9c-84a1-4d0e-8a77-0c1f2e3d4b5a', SHARDS)).toBe(1);
});

test.each([
  ['random', () => crypto.randomUUID()],
  ['counted up', (n: number) => `0198a7c0-0000-7000-8000-${n.toString(16).padStart(12, '0')}`],
])('subjects with %s ids fill the shards evenly', (_, id) => {
  const counts = Array.from({ length: SHARDS }, () => 0);
  for (let n = 0; n < 16_000; n++) {
    const shard = shardOf(id(n), SHARDS);
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  // 1,000 each; six standard deviations of a fair draw are 184.
  expect(Math.min(...counts)).toBeGreaterThan(800);
  expect(Math.max(...counts)).toBeLessThan(1_200);
});
