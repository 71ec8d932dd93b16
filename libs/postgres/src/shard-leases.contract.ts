import { describe, expect, test } from '@jest/globals';
import {
  type DatabaseUnderTest,
  gate,
  onTwoReplicas,
  type Replica,
} from './database-under-test.contract.js';
import { CLOCK_FIRST_ANSWER_MAX_MS, LEASE_MS } from './postgres-limits.js';
import {
  type Lease,
  type ServiceTx,
  StaleEpochError,
  TransientDatabaseError,
} from './service-database.js';
import { SHARDS } from './shard-of.js';

/** Within this a dead or frozen owner is replaced, counted from its last renewal. */
const REPLACED_WITHIN_MS = 2_000;

/** What both implementations of `ShardLeases` do, together with `holdLeases`. */
export function shardLeasesContract<Tx extends ServiceTx>(
  open: () => Promise<DatabaseUnderTest<Tx>>,
): void {
  let under: DatabaseUnderTest<Tx>;
  let one: Replica<Tx>;
  let two: Replica<Tx>;

  onTwoReplicas(open, (own) => {
    ({ under, one, two } = own);
  });

  const writeAs = (replica: Replica<Tx>, leases: Lease[]): Promise<void> =>
    replica.database.transaction(async (tx) => {
      await under.things.put(tx, 'a', { text: 'written', claim: null });
      await tx.holdLeases(leases);
    });
  const written = (): Promise<boolean> =>
    one.database.transaction(async (tx) => (await under.things.read(tx, 'a')) !== undefined);
  const shards = (leases: Lease[]): number[] => leases.map(({ shard }) => shard);

  test('a replica alone takes every shard, at an epoch that stays while it renews', async () => {
    const first = await one.leases.renew();
    expect(shards(first.held)).toEqual(Array.from({ length: SHARDS }, (_, shard) => shard));
    expect(first).toMatchObject({ gained: first.held, lost: [], othersRunOutInMs: null });
    const again = await one.leases.renew();
    expect(again).toMatchObject({ held: first.held, gained: [], lost: [] });
    expect(one.leases.heldNow()).toEqual(first.held);
    await writeAs(one, first.held);
    expect(await written()).toBe(true);
  });

  test('every renewal tells what time it is: all who renew decide by one clock', async () => {
    await one.clock.learnFrom(one.database);
    await two.leases.renew();
    const apartMs = one.clock.nowMs() - two.clock.nowMs();
    expect(Math.abs(apartMs)).toBeLessThan(CLOCK_FIRST_ANSWER_MAX_MS);
    const beforeMs = one.clock.nowMs();
    const sinceMs = under.nowMs();
    await under.eventually(() => under.nowMs() - sinceMs > 100);
    await one.leases.renew();
    expect(one.clock.nowMs() - beforeMs).toBeGreaterThanOrEqual(100);
    expect(Math.abs(one.clock.nowMs() - (await one.database.nowMs()))).toBeLessThan(100);
  });

  describe('balance', () => {
    test('a second replica gets half, each shard at a new epoch; no shard has two owners', async () => {
      const before = await one.leases.renew();
      expect((await two.leases.renew()).held).toEqual([]);
      const kept = await one.leases.renew();
      const taken = await two.leases.renew();
      expect(kept.held).toHaveLength(SHARDS / 2);
      expect(taken.gained).toHaveLength(SHARDS / 2);
      expect(shards(taken.held).sort()).toEqual(shards(kept.lost).sort());
      expect(taken.held.every(({ epoch }) => epoch === before.held[0]!.epoch + 1)).toBe(true);
      expect(taken.othersRunOutInMs).toBeGreaterThan(0);
      expect(taken.othersRunOutInMs).toBeLessThanOrEqual(LEASE_MS);
    });

    test('what was given back cannot be written under the old lease', async () => {
      await one.leases.renew();
      await two.leases.renew();
      const { lost } = await one.leases.renew();
      await expect(writeAs(one, lost.slice(0, 1))).rejects.toThrow(StaleEpochError);
    });

    test.each([
      ['surplus', (): Promise<unknown> => one.leases.renew()],
      ['at the end of a process', () => one.leases.release()],
    ])(
      'given back (%s) under a transaction that holds it, a shard has no owner until that ends',
      async (_, giveBack) => {
        const last = (await one.leases.renew()).held.at(-1)!;
        await one.database.transaction(async (tx) => {
          await under.patiently(tx);
          await tx.holdLeases([last]);
          await two.leases.renew();
          await giveBack();
          expect(one.leases.heldNow()).not.toContainEqual(last);
          // Nor may it begin anything more on it.
          await expect(writeAs(one, [last])).rejects.toThrow(StaleEpochError);
          const taken = async (): Promise<number> => (await two.leases.renew()).held.length;
          await under.eventually(async () => (await taken()) >= SHARDS / 2 - 1);
          expect(shards((await two.leases.renew()).held)).not.toContain(last.shard);
          await under.things.put(tx, 'a', { text: 'in time', claim: null });
        });
        expect(await written()).toBe(true);
        const next = { shard: last.shard, epoch: last.epoch + 1 };
        await under.eventually(async () =>
          (await two.leases.renew()).held.some(
            (lease) => JSON.stringify(lease) === JSON.stringify(next),
          ),
        );
      },
    );

    test('three replicas that renew all at once end at no more than six, with all shards held', async () => {
      const all = [one, two, await under.replica('three')];
      await under.eventually(async () => {
        await Promise.all(all.map(({ leases }) => leases.renew()));
        const held = all.map(({ leases }) => leases.heldNow());
        const everyone = held.flatMap(shards);
        expect(new Set(everyone).size).toBe(everyone.length);
        return everyone.length === SHARDS && held.every(({ length }) => length <= 6);
      });
    });

    test('what is released is taken at once, and not taken back by the one who left', async () => {
      const { held } = await one.leases.renew();
      await one.leases.release();
      expect(one.leases.heldNow()).toEqual([]);
      const { gained } = await two.leases.renew();
      expect(gained).toEqual(held.map(({ shard, epoch }) => ({ shard, epoch: epoch + 1 })));
      expect((await one.leases.renew()).held).toEqual([]);
      await expect(writeAs(one, held)).rejects.toThrow(StaleEpochError);
    });

    test('who leaves gives back what is his, and no lease of another', async () => {
      let held: Lease[] = [];
      await under.eventually(async () => {
        await one.leases.renew();
        ({ held } = await two.leases.renew());
        return held.length > 0;
      });
      await one.leases.release();
      // Though their time may be over by now: nobody else has asked for them.
      await writeAs(two, held);
      expect(await written()).toBe(true);
    });

    test('calls at the same time are one renewal', async () => {
      const [first, second] = await Promise.all([one.leases.renew(), one.leases.renew()]);
      expect(first).toBe(second);
    });
  });

  describe('an owner that falls silent', () => {
    const takenOver = async (count: number): Promise<void> => {
      await under.eventually(
        async () => (await two.leases.renew()).held.length >= count,
        REPLACED_WITHIN_MS + 1_000,
      );
    };

    test('is replaced within two seconds; its writes are then refused, all of them', async () => {
      const { held } = await one.leases.renew();
      const silentSinceMs = under.nowMs();
      await takenOver(SHARDS);
      expect(under.nowMs() - silentSinceMs).toBeLessThan(REPLACED_WITHIN_MS);
      expect(two.leases.heldNow().map(({ epoch }) => epoch)).toEqual(
        held.map(({ epoch }) => epoch + 1),
      );
      const stale = writeAs(one, [held[3]!]);
      await expect(stale).rejects.toThrow(StaleEpochError);
      await expect(stale).rejects.toMatchObject({ leases: [held[3]] });
      expect(await written()).toBe(false);
    });

    test('has stopped believing by itself before anyone takes over', async () => {
      expect((await one.leases.renew()).held).toEqual(one.leases.heldNow());
      await under.eventually(async () => {
        const { held } = await two.leases.renew();
        if (held.length > 0) expect(one.leases.heldNow()).toEqual([]);
        return held.length > 0;
      });
    });

    test('that comes back to an empty house has new epochs: somebody could have been there', async () => {
      const before = await one.leases.renew();
      const silentSinceMs = under.nowMs();
      await under.eventually(() => under.nowMs() - silentSinceMs > LEASE_MS + 50);
      const { held, gained, lost } = await one.leases.renew();
      expect(gained).toEqual(before.held.map(({ shard, epoch }) => ({ shard, epoch: epoch + 1 })));
      expect(held).toEqual(gained);
      expect(lost).toEqual(before.held);
    });

    test('keeps a shard for as long as a transaction that holds it goes on', async () => {
      const { held } = await one.leases.renew();
      await one.database.transaction(async (tx) => {
        await tx.holdLeases([held[5]!]);
        await under.eventually(async () => {
          await under.things.read(tx, 'a');
          return (await two.leases.renew()).held.length >= SHARDS - 1;
        }, REPLACED_WITHIN_MS);
        expect(shards((await two.leases.renew()).held)).not.toContain(5);
        await under.things.put(tx, 'a', { text: 'in time', claim: null });
      });
      expect(await written()).toBe(true);
      await takenOver(SHARDS);
    });

    test('frozen in the middle of a transaction: that falls, and the shard is taken in time', async () => {
      const { held } = await one.leases.renew();
      const silentSinceMs = under.nowMs();
      const holding = gate();
      const frozen = gate();
      const work = one.database.transaction(async (tx) => {
        await under.things.put(tx, 'a', { text: 'too late', claim: null });
        await tx.holdLeases(held);
        holding.open();
        await frozen.opened;
      });
      await holding.opened;
      await takenOver(SHARDS);
      expect(under.nowMs() - silentSinceMs).toBeLessThan(REPLACED_WITHIN_MS);
      frozen.open();
      await expect(work).rejects.toThrow(TransientDatabaseError);
      expect(one.leases.heldNow()).toEqual([]);
      expect(await written()).toBe(false);
    });
  });

  test('renewing goes on while transactions hold the leases', async () => {
    const { held } = await one.leases.renew();
    await one.database.transaction(async (tx) => {
      await tx.holdLeases(held);
      expect((await one.leases.renew()).held).toEqual(held);
      await tx.holdLeases(held);
    });
  });

  test('a lease at another epoch, or of nobody, is stale', async () => {
    await expect(writeAs(one, [{ shard: 0, epoch: 0 }])).rejects.toThrow(StaleEpochError);
    const { held } = await one.leases.renew();
    const wrong = { shard: 0, epoch: held[0]!.epoch + 1 };
    await expect(writeAs(one, [wrong])).rejects.toThrow(StaleEpochError);
    await expect(writeAs(two, [held[0]!])).rejects.toThrow(StaleEpochError);
  });

  test('a stale lease nobody waited to hear of fails the commit', async () => {
    const work = one.database.transaction(async (tx) => {
      await under.things.put(tx, 'a', { text: 'lost', claim: null });
      void tx.holdLeases([{ shard: 0, epoch: 7 }]);
    });
    await expect(work).rejects.toThrow(StaleEpochError);
    expect(await written()).toBe(false);
  });
}
