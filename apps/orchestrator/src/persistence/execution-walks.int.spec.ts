import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { SHARDS } from '#postgres/shard-of.js';
import { T0 } from '#testing/an-execution.js';
import { SeededRandom } from '#testing/seeded-random.js';
import type { Execution } from '#core/execution/execution.js';
import { decisionsOf, write, type Written } from './execution-walks.contract.js';
import { aStoredExecution, type ExecutionsUnderTest } from './execution.contract.js';
import { executionsInMemory } from './executions-in-memory.contract.js';
import { executionsInPostgres } from './executions-in-postgres.contract.js';

const SEED = 20_260_102;
const WALKS = 8;
const ALL = { statuses: null, afterIndex: -1, limit: 1_000 };
const ANYTHING = {
  ...{ tenantId: null, componentId: null, statuses: null, strategy: null, kind: null },
  ...{ active: null, createdAfterMs: null, createdBeforeMs: null, after: null, limit: 100 },
};

describe('what random executions have written', () => {
  let postgres: ExecutionsUnderTest;
  let memory: ExecutionsUnderTest;

  beforeEach(async () => {
    [postgres, memory] = await Promise.all([executionsInPostgres(), executionsInMemory()]);
  });
  afterEach(() => Promise.all([postgres.close(), memory.close()]));

  async function begin(decisions: readonly Written[]): Promise<void> {
    const [first] = decisions;
    if (first === undefined) throw new Error('a walk that decided nothing');
    const { tenantId, componentId, plan } = first.change.before;
    const stored = aStoredExecution({ tenantId, componentId });
    for (const { deploy, store } of [postgres, memory]) {
      await deploy(tenantId, componentId, plan.from.id);
      await store.transaction((tx) => tx.insert({ ...stored, execution: first.change.before }));
    }
  }

  /** Both answer the same, whatever the engine asks about an execution. */
  async function expectSame({ id, tenantId, componentId, total }: Execution): Promise<void> {
    const [real, twin] = await Promise.all(
      [postgres, memory].map(async ({ store, deployment }) => {
        const names = Array.from({ length: total }, (_, at) => [
          `i-${String(at)}`,
          `n-${String(at)}`,
        ]);
        const page = { afterIndex: 0, limit: 3, touchedOnly: true };
        const filter = { statuses: ['FAILED', 'COMPLETED'] as const, afterIndex: 1, limit: 3 };
        return {
          stored: await store.get(id),
          active: await store.active(tenantId, componentId),
          instances: await store.instances(id, ALL),
          some: await store.instances(id, filter),
          ownDown: await store.ownDown(id),
          pending: await store.pendingAmong(id, names.flat().slice(1)),
          deployment: await deployment(tenantId, componentId),
          ...(await store.transaction(async (tx) => ({
            touched: await tx.pageOfInstances(id, page),
            moved: (await tx.movedAmong(id, names.flat())).toSorted(),
            standing: await tx.standing(id, [0, 2, 3]),
            deployed: (await tx.deployment(tenantId, componentId))?.handOver,
          }))),
        };
      }),
    );
    expect(real).toEqual(twin);
  }

  /** Every event once and in its order, by pages of any size; the same as the outbox points at. */
  async function expectSameEvents({ id }: Execution): Promise<void> {
    const [real, twin] = await Promise.all(
      [postgres, memory].map(({ store }) => store.events(id, 0, 10_000)),
    );
    expect(real).toEqual(twin);
    const paged = [];
    for (let after = 0; ;) {
      const page = await postgres.store.events(id, after, 7);
      if (page.length === 0) break;
      paged.push(...page);
      after = page.at(-1)?.data.sequence ?? after;
    }
    expect(paged).toEqual(real);
  }

  it('reads from Postgres as it does from the twin, at every moment', async () => {
    const random = new SeededRandom(SEED);
    const walks = Array.from({ length: WALKS }, () => {
      const [id, componentId] = [randomUUID(), randomUUID()];
      return decisionsOf(random, { id, tenantId: random.pick(['acme', 'other']), componentId });
    });
    await postgres.store.makeRoomForFacts(T0);
    for (const decisions of walks) await begin(decisions);
    const rounds = Math.max(...walks.map(({ length }) => length));
    for (let round = 0; round < rounds; round += 1) {
      const all = walks.flatMap((decisions) => decisions[round] ?? []);
      const taken = await Promise.all(
        [postgres, memory].map(({ store }) => store.transaction((tx) => write(tx, all, T0))),
      );
      const [real, twin] = taken.map((of) => all.map(({ change }) => of.get(change.next.id) ?? []));
      expect(real).toEqual(twin);
      await expectSame(random.pick(all).change.next);
      if (round % 20 === 5) await expectSameLists([...Array(SHARDS / 2).keys()]);
    }
    const ends = walks.flatMap((decisions) => decisions.at(-1)?.change.next ?? []);
    for (const next of ends) {
      await expectSame(next);
      await expectSameEvents(next);
    }
    await expectSameLists([...Array(SHARDS).keys()]);
  });

  async function expectSameLists(shards: readonly number[]): Promise<void> {
    const [real, twin] = await Promise.all(
      [postgres, memory].map(async ({ store, pointers }) => ({
        listed: await store.list(ANYTHING),
        active: (await store.activeIn(shards)).toSorted(),
        resolved: await store.resolvedFacts(await pointers()),
      })),
    );
    expect(real).toEqual(twin);
  }
});
