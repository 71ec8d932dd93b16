import { expect, it } from '@jest/globals';
import { LEASE_MARGIN_MS, LEASE_MS } from './postgres-limits.js';
import { BelievedLeases } from './shard-leases.js';

const [ONE, TWO] = [
  { shard: 1, epoch: 4 },
  { shard: 2, epoch: 7 },
];

it('leases are believed from when they were asked for, and not until the database frees them', () => {
  const believed = new BelievedLeases();
  expect(believed.at(0)).toEqual([]);
  believed.renewed([ONE, TWO], 10_000, null);
  const endsMs = 10_000 + LEASE_MS - LEASE_MARGIN_MS;
  expect(believed.at(endsMs - 1)).toEqual([ONE, TWO]);
  expect(believed.at(endsMs)).toEqual([]);
  expect(LEASE_MARGIN_MS).toBeGreaterThanOrEqual(200);
  believed.renewed([ONE], 11_000, null);
  expect(believed.at(endsMs)).toEqual([ONE]);
});

it('a shard that comes back at another epoch was lost and is gained', () => {
  const believed = new BelievedLeases();
  believed.renewed([ONE, TWO], 0, null);
  const again = { ...ONE, epoch: 5 };
  expect(believed.renewed([again, TWO], 1, 30)).toEqual({
    ...{ held: [again, TWO], gained: [again], lost: [ONE], othersRunOutInMs: 30 },
  });
});
