import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { aCommand, Storyteller } from './database-stories.contract.js';
import { twinUnderTest } from './memory-database-under-test.contract.js';
import { postgresUnderTest } from './pg-database-under-test.contract.js';

/** Each takes some 0.05 s on a quiet machine. */
const STORIES = 60;

test('two owners whose transactions interleave find the twin to be as Postgres is', async () => {
  const real = await postgresUnderTest();
  const replicas = [await real.replica('ann'), await real.replica('bob')];
  const [{ database }] = replicas as [(typeof replicas)[0]];
  const tables = 'TRUNCATE things, inbox, outbox, due_work RESTART IDENTITY';
  await fc.assert(
    fc.asyncProperty(fc.array(aCommand, { minLength: 2, maxLength: 25 }), async (commands) => {
      await database.statement('', tables, []);
      const twin = await twinUnderTest();
      const twins = [await twin.replica('ann'), await twin.replica('bob')];
      const told = await new Storyteller(twin, twins).play(commands);
      expect(told).toEqual(await new Storyteller(real, replicas).play(commands));
      await twin.close();
    }),
    { numRuns: STORIES, seed: 41 },
  );
  await real.close();
}, 300_000);
