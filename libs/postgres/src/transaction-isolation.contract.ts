import { describe, expect, test } from '@jest/globals';
import {
  type DatabaseUnderTest,
  gate,
  onTwoReplicas,
  type Replica,
} from './database-under-test.contract.js';
import { type ServiceTx, UniqueViolationError } from './service-database.js';

const SUBJECT = '0b9c5a0e-2f0f-4b52-9a51-3d0e8f5a7c11';

/** What a transaction sees of another, and what it gets that has waited for another. */
export function transactionIsolationContract<Tx extends ServiceTx>(
  open: () => Promise<DatabaseUnderTest<Tx>>,
): void {
  let under: DatabaseUnderTest<Tx>;
  let one: Replica<Tx>;
  let two: Replica<Tx>;

  const { put, read } = onTwoReplicas(open, (own) => {
    ({ under, one, two } = own);
  });
  const of = (text: string, claim: string | null = null) => ({ text, claim });

  /** Replica two does `waiting` while a transaction of one has done `first`, which then ends. */
  async function behind<T>(
    first: (tx: Tx) => Promise<unknown>,
    end: 'commits' | 'rolls back',
    waiting: (tx: Tx) => Promise<T>,
  ): Promise<PromiseSettledResult<T>> {
    const done = gate();
    const ending = gate();
    const ahead = one.database.transaction(async (tx) => {
      await first(tx);
      done.open();
      await ending.opened;
      if (end === 'rolls back') throw new Error('no');
    });
    await done.opened;
    const settled = Promise.allSettled([two.database.transaction(waiting), ahead]);
    await under.eventually(async () => (await under.blocked()) === 1);
    ending.open();
    return (await settled)[0];
  }

  describe('what another has not committed', () => {
    test('is neither read, nor locked, nor waited for by who only reads', async () => {
      await put(one, 'a', 'old');
      await one.database.transaction(async (tx) => {
        await under.things.put(tx, 'a', of('new'));
        await under.things.insert(tx, 'b', of('new'));
        await tx.send([{ shard: 1, topic: 't', key: 'k', value: 'v' }]);
        await tx.arm([{ shard: 1, subject: SUBJECT, kind: 'delay', atMs: 1 }]);
        expect(await read(two, 'a')).toBe('old');
        expect(await read(two, 'b')).toBeUndefined();
        const locked = two.database.transaction((other) => under.things.lock(other, 'b', 'wait'));
        expect(await locked).toBe(false);
        expect(await two.database.takeOutbox([1], 9)).toEqual([]);
        expect(await two.database.dueTimers([1], 9, 9)).toEqual([]);
      });
      expect(await read(two, 'a')).toBe('new');
    });

    test('is still there when it is only about to be removed', async () => {
      await put(one, 'a', 'old');
      await one.database.transaction(async (tx) => {
        await under.things.remove(tx, 'a');
        expect(await read(two, 'a')).toBe('old');
      });
      expect(await read(two, 'a')).toBeUndefined();
    });
  });

  describe('a lock that was waited for', () => {
    const lockAndRead = async (tx: Tx): Promise<[boolean, string | undefined]> => {
      const locked = await under.things.lock(tx, 'a', 'wait');
      return [locked, (await under.things.read(tx, 'a'))?.text];
    };

    test.each([
      ['commits', 'new'],
      ['rolls back', 'old'],
    ] as const)('is of the row as it is once the other %s: %s', async (end, text) => {
      await put(one, 'a', 'old');
      const write = (tx: Tx) => under.things.put(tx, 'a', of('new'));
      expect(await behind(write, end, lockAndRead)).toMatchObject({ value: [true, text] });
    });

    test('is of nothing when the other has removed the row', async () => {
      await put(one, 'a', 'old');
      const remove = (tx: Tx) => under.things.remove(tx, 'a');
      const waited = await behind(remove, 'commits', lockAndRead);
      expect(waited).toMatchObject({ value: [false, undefined] });
    });
  });

  describe('a guarded update', () => {
    const update = (to: string) => (tx: Tx) => under.things.putIf(tx, 'a', 'old', of(to));

    test.each([
      ['commits', false, 'first'],
      ['rolls back', true, 'second'],
    ] as const)('behind one that %s matches: %s', async (end, matches, text) => {
      await put(one, 'a', 'old');
      const waited = await behind(update('first'), end, update('second'));
      expect(waited).toMatchObject({ value: matches });
      expect(await read(one, 'a')).toBe(text);
    });

    test('loses nothing of twenty that read, and then write what they read plus one', async () => {
      await put(one, 'a', '0');
      const increment = async ({ database }: Replica<Tx>): Promise<void> => {
        for (let isWritten = false; !isWritten;) {
          isWritten = await database.transaction(async (tx) => {
            const text = (await under.things.read(tx, 'a'))?.text ?? '';
            return under.things.putIf(tx, 'a', text, of(String(Number(text) + 1)));
          });
        }
      };
      await Promise.all(Array.from({ length: 20 }, (_, n) => increment(n % 2 === 0 ? one : two)));
      expect(await read(one, 'a')).toBe('20');
    });
  });

  describe('a row that two insert at once', () => {
    const insert = (tx: Tx) => under.things.insert(tx, 'a', of('mine'));

    test('is the first one’s when that commits; the second is refused by the key', async () => {
      const waited = await behind(insert, 'commits', insert);
      expect(waited).toMatchObject({ status: 'rejected', reason: { constraint: 'things_pkey' } });
      expect(waited).toMatchObject({ reason: expect.any(UniqueViolationError) as unknown });
    });

    test('is the second one’s when the first rolls back', async () => {
      expect(await behind(insert, 'rolls back', insert)).toMatchObject({ status: 'fulfilled' });
      expect(await read(one, 'a')).toBe('mine');
    });

    test('may be inserted again behind one that removes it', async () => {
      await put(one, 'a', 'old');
      const remove = (tx: Tx) => under.things.remove(tx, 'a');
      expect(await behind(remove, 'commits', insert)).toMatchObject({ status: 'fulfilled' });
      expect(await read(one, 'a')).toBe('mine');
    });
  });

  test('claims that skip what is locked are disjoint, in order, and free again after the end', async () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const key of keys) await put(one, key, key);
    const claim = async (tx: Tx, most: number): Promise<string[]> => {
      const claimed: string[] = [];
      for (const key of keys) {
        if (claimed.length < most && (await under.things.lock(tx, key, 'skip'))) claimed.push(key);
      }
      return claimed;
    };
    await one.database.transaction(async (tx) => {
      expect(await claim(tx, 2)).toEqual(['a', 'b']);
      await two.database.transaction(async (other) => {
        expect(await claim(other, 3)).toEqual(['c', 'd', 'e']);
        expect(await claim(tx, 6)).toEqual(['a', 'b', 'f']);
      });
    });
    expect(await two.database.transaction((tx) => claim(tx, 6))).toEqual(keys);
  });

  test('a timer that two arm at once is the one of whoever commits last', async () => {
    const arm = (atMs: number) => (tx: Tx) =>
      tx.arm([{ shard: 1, subject: SUBJECT, kind: 'delay', atMs }]);
    await one.database.transaction(arm(1));
    expect(await behind(arm(5), 'commits', arm(3))).toMatchObject({ status: 'fulfilled' });
    expect(await one.database.dueTimers([1], 9, 9)).toMatchObject([{ atMs: 3 }]);
  });
}
