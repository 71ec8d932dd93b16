import { describe, expect, test } from '@jest/globals';
import {
  type DatabaseUnderTest,
  gate,
  onTwoReplicas,
  type Replica,
} from './database-under-test.contract.js';
import {
  type ServiceTx,
  TransientDatabaseError,
  UniqueViolationError,
} from './service-database.js';

const SUBJECT = '0b9c5a0e-2f0f-4b52-9a51-3d0e8f5a7c11';

/**
 * What a transaction is, locks and unique constraints included, in every implementation of
 * `ServiceDatabase`. `open` gives each test an empty database.
 */
export function serviceDatabaseContract<Tx extends ServiceTx>(
  open: () => Promise<DatabaseUnderTest<Tx>>,
): void {
  let under: DatabaseUnderTest<Tx>;
  let one: Replica<Tx>;
  let two: Replica<Tx>;

  const { put, read } = onTwoReplicas(open, (own) => {
    ({ under, one, two } = own);
  });

  describe('a transaction', () => {
    test('sees what it wrote; others see it once it has committed', async () => {
      await one.database.transaction(async (tx) => {
        await under.things.put(tx, 'a', { text: 'new', claim: null });
        expect((await under.things.read(tx, 'a'))?.text).toBe('new');
        expect(await read(two, 'a')).toBeUndefined();
      });
      expect(await read(two, 'a')).toBe('new');
    });

    test('sees, statement by statement, what others have committed meanwhile', async () => {
      await put(one, 'a', 'first');
      await one.database.transaction(async (tx) => {
        expect((await under.things.read(tx, 'a'))?.text).toBe('first');
        await put(two, 'a', 'second');
        expect((await under.things.read(tx, 'a'))?.text).toBe('second');
      });
    });

    test('leaves nothing of anything when the work throws', async () => {
      await put(one, 'a', 'kept');
      const work = one.database.transaction(async (tx) => {
        await under.things.put(tx, 'a', { text: 'lost', claim: null });
        await tx.admit(['k']);
        await tx.send([{ shard: 1, topic: 't', key: 'k', value: 'v' }]);
        await tx.arm([{ shard: 1, subject: SUBJECT, kind: 'delay', atMs: 1 }]);
        throw new Error('changed my mind');
      });
      await expect(work).rejects.toThrow('changed my mind');
      expect(await read(one, 'a')).toBe('kept');
      expect(await one.database.takeOutbox([1], 10)).toEqual([]);
      expect(await one.database.dueTimers([1], 10, 10)).toEqual([]);
      expect(await one.database.transaction((tx) => tx.admit(['k']))).toEqual(new Set(['k']));
    });

    test('commits what nobody waited for', async () => {
      await one.database.transaction((tx) => {
        void under.things.put(tx, 'a', { text: 'unawaited', claim: null });
        void tx.point([{ shard: 1, subject: SUBJECT, position: 1 }]);
        return Promise.resolve();
      });
      expect(await read(one, 'a')).toBe('unawaited');
      expect(await one.database.takeOutbox([1], 10)).toHaveLength(1);
    });

    test('fails as a whole when a statement nobody waited for fails', async () => {
      await one.database.transaction((tx) =>
        under.things.insert(tx, 'a', { text: 'there', claim: null }),
      );
      const work = one.database.transaction(async (tx) => {
        await tx.point([{ shard: 1, subject: SUBJECT, position: 1 }]);
        void under.things.insert(tx, 'a', { text: 'again', claim: null }).catch(() => undefined);
      });
      await expect(work).rejects.toThrow(UniqueViolationError);
      expect(await one.database.takeOutbox([1], 10)).toEqual([]);
    });

    test('cannot commit by swallowing the failure of a statement', async () => {
      await put(one, 'a', 'there');
      const work = one.database.transaction(async (tx) => {
        await under.things.put(tx, 'b', { text: 'lost', claim: null });
        await under.things.insert(tx, 'a', { text: 'again', claim: null }).catch(() => undefined);
      });
      await expect(work).rejects.toThrow(UniqueViolationError);
      expect(await read(one, 'b')).toBeUndefined();
    });

    test('is over once its work has ended', async () => {
      let leaked: Tx | undefined;
      await one.database.transaction((tx) => {
        leaked = tx;
        return tx.admit(['k']);
      });
      await expect(leaked?.admit(['l'])).rejects.toThrow('over');
    });
  });

  describe('row locks', () => {
    test('twenty increments at once lose none', async () => {
      await put(one, 'counter', '0');
      const increment = (replica: Replica<Tx>): Promise<void> =>
        replica.database.transaction(async (tx) => {
          expect(await under.things.lock(tx, 'counter', 'wait')).toBe(true);
          const count = Number((await under.things.read(tx, 'counter'))?.text);
          await under.things.put(tx, 'counter', { text: String(count + 1), claim: null });
        });
      await Promise.all(Array.from({ length: 20 }, (_, n) => increment(n % 2 === 0 ? one : two)));
      expect(await read(one, 'counter')).toBe('20');
    });

    test('writing a row waits for whoever has locked it', async () => {
      await put(one, 'a', 'old');
      const holding = gate();
      const first = one.database.transaction(async (tx) => {
        await under.things.lock(tx, 'a', 'wait');
        await holding.opened;
        await under.things.put(tx, 'a', { text: 'first', claim: null });
      });
      const locked = (): Promise<boolean> =>
        two.database.transaction(async (tx) => !(await under.things.lock(tx, 'a', 'skip')));
      await under.eventually(locked);
      const second = put(two, 'a', 'second');
      await under.eventually(async () => (await under.blocked()) === 1);
      holding.open();
      await Promise.all([first, second]);
      expect(await read(one, 'a')).toBe('second');
    });

    test('skipping passes over a locked row, and over one that is not there', async () => {
      await put(one, 'a', 'x');
      await one.database.transaction(async (tx) => {
        expect(await under.things.lock(tx, 'a', 'skip')).toBe(true);
        await two.database.transaction(async (other) => {
          expect(await under.things.lock(other, 'a', 'skip')).toBe(false);
          expect(await under.things.lock(other, 'b', 'skip')).toBe(false);
          expect(await under.things.lock(other, 'b', 'wait')).toBe(false);
        });
      });
      const after = two.database.transaction((tx) => under.things.lock(tx, 'a', 'skip'));
      expect(await after).toBe(true);
    });

    test('of two that wait for each other one is refused, as transient, and one commits', async () => {
      await put(one, 'a', '0');
      await put(one, 'b', '0');
      const both = [gate(), gate()] as const;
      const inOrder = (replica: Replica<Tx>, keys: [string, string], n: 0 | 1): Promise<void> =>
        replica.database.transaction(async (tx) => {
          await under.things.lock(tx, keys[0], 'wait');
          both[n].open();
          await both[1 - n]?.opened;
          await under.things.lock(tx, keys[1], 'wait');
        });
      const ends = await Promise.allSettled([
        inOrder(one, ['a', 'b'], 0),
        inOrder(two, ['b', 'a'], 1),
      ]);
      const refused = ends.filter((end) => end.status === 'rejected');
      expect(refused).toHaveLength(1);
      expect(refused[0]?.reason).toBeInstanceOf(TransientDatabaseError);
    });
  });

  describe('a unique constraint', () => {
    const claim = (replica: Replica<Tx>, key: string, claimed: string): Promise<void> =>
      replica.database.transaction((tx) =>
        under.things.insert(tx, key, { text: key, claim: claimed }),
      );

    test('refuses a second row and names itself', async () => {
      await claim(one, 'a', 'x');
      await expect(claim(two, 'b', 'x')).rejects.toMatchObject({
        name: 'UniqueViolationError',
        table: 'things',
        constraint: 'things_claim',
      });
      await expect(claim(two, 'a', 'y')).rejects.toMatchObject({ constraint: 'things_pkey' });
    });

    test('does not count rows that claim nothing, nor those that are gone', async () => {
      await put(one, 'a', 'x');
      await put(one, 'b', 'x');
      await claim(one, 'c', 'x');
      await one.database.transaction((tx) => under.things.remove(tx, 'c'));
      await claim(one, 'd', 'x');
    });

    test.each([
      ['commits', 'is refused'],
      ['rolls back', 'is let through'],
    ])('waits for another claimant: when that one %s it %s', async (end) => {
      const inserted = gate();
      const deciding = gate();
      const first = one.database.transaction(async (tx) => {
        await under.things.insert(tx, 'a', { text: 'a', claim: 'x' });
        inserted.open();
        await deciding.opened;
        if (end === 'rolls back') throw new Error('no');
      });
      await inserted.opened;
      const ends = Promise.allSettled([first, claim(two, 'b', 'x')]);
      await under.eventually(async () => (await under.blocked()) === 1);
      deciding.open();
      const refused = (await ends).map(({ status }) => status === 'rejected');
      expect(refused).toEqual(end === 'rolls back' ? [true, false] : [false, true]);
    });
  });

  test('a database that answers is reachable', async () => {
    expect(await one.database.isReachable()).toBe(true);
  });
}
