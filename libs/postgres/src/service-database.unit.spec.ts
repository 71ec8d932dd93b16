import { describe, expect, test } from '@jest/globals';
import { gate, type Thing } from './database-under-test.contract.js';
import { settled, tables, twinUnderTest } from './memory-database-under-test.contract.js';
import {
  type MemoryDatabaseSettings,
  MemoryServiceDatabase,
  type MemoryTx,
} from './memory-service-database.js';
import { serviceDatabaseContract } from './service-database.contract.js';
import { TransientDatabaseError } from './service-database.js';
import { servicePlumbingContract } from './service-plumbing.contract.js';
import { shardLeasesContract } from './shard-leases.contract.js';
import { transactionEndsContract } from './transaction-ends.contract.js';
import { transactionIsolationContract } from './transaction-isolation.contract.js';

describe('the in-memory twin', () => {
  // Each in a suite of its own, or every test would open a twin for each of them.
  describe.each([
    ['transactions', serviceDatabaseContract<MemoryTx>],
    ['their isolation', transactionIsolationContract<MemoryTx>],
    ['their ends', transactionEndsContract<MemoryTx>],
    ['the plumbing', servicePlumbingContract<MemoryTx>],
    ['the leases', shardLeasesContract<MemoryTx>],
  ])('%s', (_, contract) => {
    contract(twinUnderTest);
  });

  describe('under a simulator', () => {
    const open = (io: MemoryDatabaseSettings['io'] = () => Promise.resolve()) =>
      new MemoryServiceDatabase({ nowMs: () => 0, io, tables }, 'one');
    const putAs = (database: MemoryServiceDatabase, key: string): Promise<void> =>
      database.transaction((tx) => tx.table('things').put(key, { text: key, claim: key }));
    const keys = (database: MemoryServiceDatabase): Promise<string[]> =>
      database.transaction(async (tx) =>
        (await tx.table<Thing>('things').scan()).map(({ key }) => key),
      );

    test('passes it before each operation, and on both sides of the commit', async () => {
      const seen: string[] = [];
      const database = open((name) => {
        seen.push(name);
        return Promise.resolve();
      });
      await database.transaction(async (tx) => {
        await tx.admit(['k']);
        await tx.table('things').put('a', { text: 'a', claim: null });
        await tx.lockRow('things', 'a', 'wait');
      });
      expect(seen).toEqual(['begin', 'admit', 'put things', 'lock things', 'commit', 'committed']);
    });

    test.each([
      ['put things', 'rolled back', []],
      ['commit', 'unknown', []],
      ['committed', 'unknown', ['a']],
    ])('a failure at %s leaves the transaction %s', async (at, outcome, left) => {
      let failing = true;
      const database = open((name) =>
        failing && name === at ? Promise.reject(new Error('cut')) : Promise.resolve(),
      );
      await expect(putAs(database, 'a')).rejects.toMatchObject({
        name: 'TransientDatabaseError',
        outcome,
      });
      failing = false;
      expect(await keys(database)).toEqual(left);
    });

    test('a crash rolls back, frees the locks, and what was waited for never comes', async () => {
      const database = open();
      const other = database.viewFor('two');
      await putAs(other, 'a');
      const never = gate();
      let resumed = false;
      const resume = (): void => {
        resumed = true;
      };
      const holding = database.transaction(async (tx) => {
        await tx.table('things').put('a', { text: 'lost', claim: 'lost' });
        await tx.table('things').put('c', { text: 'lost', claim: null });
        await never.opened;
      });
      await settled();
      const behind = database.transaction(async (tx) => {
        await tx.lockRow('things', 'a', 'wait').finally(resume);
      });
      const waiting = putAs(other, 'a');
      await settled();
      expect(database.store.locks.waiting).toBe(2);
      database.abandon('one');
      await waiting;
      never.open();
      void holding.then(resume, resume);
      void behind.then(resume, resume);
      void database.takeOutbox([1], 1).then(resume, resume);
      void putAs(database, 'b').then(resume, resume);
      await settled();
      expect(resumed).toBe(false);
      expect(await keys(other)).toEqual(['a']);
      expect(await keys(database.viewFor('one'))).toEqual(['a']);
    });

    test('a crash between the commit and its answer keeps what was committed', async () => {
      const stuck = gate();
      const database = open((name) => (name === 'committed' ? stuck.opened : Promise.resolve()));
      let resumed = false;
      void putAs(database, 'a').finally(() => {
        resumed = true;
      });
      await settled();
      database.abandon('one');
      stuck.open();
      await settled();
      expect(resumed).toBe(false);
      expect(await keys(database.viewFor('two', () => Promise.resolve()))).toEqual(['a']);
    });

    test('a lost notification is heard of as a gap', async () => {
      const database = open((name) =>
        name === 'told' ? Promise.reject(new Error('cut')) : Promise.resolve(),
      );
      const heard: string[][] = [];
      await database.listen((subjects) => heard.push(subjects));
      await database.transaction((tx) => tx.tell(['x']));
      await settled();
      expect(heard).toEqual([[]]);
    });

    test('nobody shares a row with the database', async () => {
      const database = open();
      const mine = { text: 'a', claim: null, list: [1] };
      await database.transaction(async (tx) => {
        const table = tx.table<typeof mine>('things');
        await table.put('a', mine);
        mine.list.push(2);
        const read = await table.get('a');
        read?.list.push(3);
        const [scanned] = await table.scan();
        scanned?.row.list.push(4);
      });
      const table = database.transaction((tx) => tx.table<typeof mine>('things').get('a'));
      expect((await table)?.list).toEqual([1]);
    });

    test('a unique value may move from one row to another within a transaction', async () => {
      const database = open();
      await putAs(database, 'a');
      await database.transaction(async (tx) => {
        const table = tx.table<Thing>('things');
        await table.put('a', { text: 'a', claim: null });
        await table.insert('b', { text: 'b', claim: 'a' });
      });
      await expect(
        database.transaction((tx) => tx.table('things').insert('c', { text: 'c', claim: 'a' })),
      ).rejects.toThrow('things_claim');
      await database.transaction((tx) =>
        tx.table('things').insert('c', { text: 'c', claim: 'free' }),
      );
    });

    test('waits are served in the order of asking', async () => {
      const database = open();
      const served: number[] = [];
      await putAs(database, 'a');
      const holding = gate();
      const all = [0, 1, 2, 3].map((n) =>
        database.transaction(async (tx) => {
          await tx.lockRow('things', 'a', 'wait');
          served.push(n);
          if (n === 0) await holding.opened;
        }),
      );
      await settled();
      expect(served).toEqual([0]);
      holding.open();
      await Promise.all(all);
      expect(served).toEqual([0, 1, 2, 3]);
    });

    test('three in a circle: only the one who closes it is refused', async () => {
      const database = open();
      for (const key of ['a', 'b', 'c']) await putAs(database, key);
      const gates = [gate(), gate(), gate()];
      const ends = await Promise.allSettled(
        [
          ['a', 'b'],
          ['b', 'c'],
          ['c', 'a'],
        ].map(([mine, next], n) =>
          database.transaction(async (tx) => {
            await tx.lockRow('things', mine ?? '', 'wait');
            gates[n]?.open();
            await Promise.all(gates.map(({ opened }) => opened));
            await tx.lockRow('things', next ?? '', 'wait');
          }),
        ),
      );
      const refused = ends.filter((end) => end.status === 'rejected');
      expect(refused).toHaveLength(1);
      expect(refused[0]?.reason).toBeInstanceOf(TransientDatabaseError);
    });
  });
});
