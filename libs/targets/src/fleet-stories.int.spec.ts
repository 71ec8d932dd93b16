import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Pool } from 'pg';
import { SystemClock } from '#runtime/clock.js';
import { aFleetCommand, tellFleet } from './fleet-stories.contract.js';
import { InMemoryFleetStore } from './in-memory-fleet.store.js';
import { PostgresFleetStore } from './postgres-fleet.store.js';

/** Each takes some 0.1 s on a quiet machine. */
const STORIES = 40;

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 4 });

afterAll(() => pool.end());

test('what is done to a simulated fleet in Postgres is told by its twin in memory alike', async () => {
  const real = new PostgresFleetStore(pool);
  let fleets = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(aFleetCommand, { minLength: 5, maxLength: 25 }), async (commands) => {
      fleets += 1;
      const fleet = `stories/${String(process.pid)}-${String(fleets)}`;
      const twin = new InMemoryFleetStore(new SystemClock());
      expect(await tellFleet(twin, fleet, commands)).toEqual(
        await tellFleet(real, fleet, commands),
      );
    }),
    { numRuns: STORIES, seed: 43 },
  );
}, 300_000);
