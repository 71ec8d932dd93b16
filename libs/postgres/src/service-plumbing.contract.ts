import { describe, expect, test } from '@jest/globals';
import {
  type DatabaseUnderTest,
  gate,
  onTwoReplicas,
  type Replica,
} from './database-under-test.contract.js';
import type { OutboxRow, ServiceTx } from './service-database.js';

const SUBJECT = '0b9c5a0e-2f0f-4b52-9a51-3d0e8f5a7c11';
const OTHER = '5a3f7d9c-84a1-4d0e-8a77-0c1f2e3d4b5a';

/**
 * What the plumbing does in every implementation of `ServiceDatabase`: inbox, outbox, timers and
 * telling. `open` gives each test an empty database.
 */
export function servicePlumbingContract<Tx extends ServiceTx>(
  open: () => Promise<DatabaseUnderTest<Tx>>,
): void {
  let under: DatabaseUnderTest<Tx>;
  let one: Replica<Tx>;
  let two: Replica<Tx>;

  const { put, read } = onTwoReplicas(open, (own) => {
    ({ under, one, two } = own);
  });
  const texts = (rows: OutboxRow[]): (string | number | undefined)[] =>
    rows.map(({ message, pointer }) => message?.value ?? pointer?.position);

  describe('the inbox', () => {
    test('admits each key once', async () => {
      const admit = (...keys: string[]): Promise<Set<string>> =>
        one.database.transaction((tx) => tx.admit(keys));
      expect(await admit('a', 'b', 'a')).toEqual(new Set(['a', 'b']));
      expect(await admit('b', 'c')).toEqual(new Set(['c']));
      expect(await admit()).toEqual(new Set());
    });

    test('waits for whoever is recording the same key, and then knows', async () => {
      for (const end of ['commit', 'roll back']) {
        const admitted = gate();
        const deciding = gate();
        const first = one.database
          .transaction(async (tx) => {
            await tx.admit([end]);
            admitted.open();
            await deciding.opened;
            if (end === 'roll back') throw new Error('no');
          })
          .catch(() => undefined);
        await admitted.opened;
        const second = two.database.transaction((tx) => tx.admit([end]));
        await under.eventually(async () => (await under.blocked()) === 1);
        deciding.open();
        await first;
        expect(await second).toEqual(new Set(end === 'commit' ? [] : [end]));
      }
    });

    test('many replicas with the same keys in any order never block each other for good', async () => {
      const keys = Array.from({ length: 3_000 }, (_, n) => `key ${String(n)}`);
      const orders = [keys, [...keys].reverse(), keys.slice(1_500).concat(keys.slice(0, 1_500))];
      const answers = await Promise.all(
        orders.map((order, n) =>
          (n === 1 ? two : one).database.transaction((tx) => tx.admit(order)),
        ),
      );
      expect(answers.map(({ size }) => size).sort((a, b) => a - b)).toEqual([0, 0, 3_000]);
    });

    test('forgets what is older than an age, so many at a time', async () => {
      await one.database.transaction((tx) => tx.admit(['a', 'b', 'c']));
      expect(await one.database.purgeInbox(60_000, 10)).toBe(0);
      await under.eventually(async () => (await one.database.purgeInbox(1, 2)) === 2);
      expect(await one.database.purgeInbox(1, 2)).toBe(1);
      expect(await one.database.transaction((tx) => tx.admit(['a']))).toEqual(new Set(['a']));
    });
  });

  describe('the outbox', () => {
    test('gives messages and pointers back as they were, in the order of writing', async () => {
      const message = {
        shard: 3,
        topic: 'upgrade.progress.v1',
        key: SUBJECT,
        value: '{"text":"ä \\u0000 \\" \\\\ \\n {,} 🙂"}',
        headers: { 'ce-id': 'a,"b"', empty: '' },
      };
      const bare = { shard: 3, topic: 't', key: 'k', value: 'second' };
      const pointer = { shard: 3, subject: SUBJECT, position: 9_007_199_254_740_991 };
      await one.database.transaction(async (tx) => {
        await tx.send([message, bare]);
        await tx.point([pointer]);
        await tx.send([{ ...bare, value: 'fourth' }]);
      });
      const rows = await one.database.takeOutbox([3], 10);
      expect(rows.map((row) => row.message ?? row.pointer)).toEqual([
        message,
        bare,
        pointer,
        { ...bare, value: 'fourth' },
      ]);
      expect(rows.every((row) => row.shard === 3 && (!row.message || !row.pointer))).toBe(true);
    });

    test('keeps each subject in commit order when it is written under the row lock', async () => {
      await put(one, SUBJECT, '0');
      const next = (replica: Replica<Tx>): Promise<void> =>
        replica.database.transaction(async (tx) => {
          await under.things.lock(tx, SUBJECT, 'wait');
          const position = Number((await under.things.read(tx, SUBJECT))?.text) + 1;
          await under.things.put(tx, SUBJECT, { text: String(position), claim: null });
          await tx.point([{ shard: 0, subject: SUBJECT, position }]);
        });
      await Promise.all(Array.from({ length: 30 }, (_, n) => next(n % 2 === 0 ? one : two)));
      const rows = await one.database.takeOutbox([0], 100);
      expect(texts(rows)).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
    });

    test('shows a row that was written earlier and committed later, in its place', async () => {
      const send = (tx: Tx, value: string): Promise<void> =>
        tx.send([{ shard: 1, topic: 't', key: 'k', value }]);
      await one.database.transaction(async (tx) => {
        await send(tx, 'early');
        await two.database.transaction((other) => send(other, 'late'));
        expect(texts(await two.database.takeOutbox([1], 9))).toEqual(['late']);
      });
      expect(texts(await two.database.takeOutbox([1], 9))).toEqual(['early', 'late']);
    });

    test('shows only the shards asked for, the oldest first, until they are dropped', async () => {
      await one.database.transaction((tx) =>
        tx.send(
          [1, 2, 1, 1].map((shard, n) => ({ shard, topic: 't', key: 'k', value: String(n) })),
        ),
      );
      const first = await one.database.takeOutbox([1], 2);
      expect(texts(first)).toEqual(['0', '2']);
      expect(texts(await one.database.takeOutbox([1], 2))).toEqual(['0', '2']);
      await one.database.dropOutbox(first.map(({ id }) => id));
      expect(texts(await one.database.takeOutbox([1, 2], 9))).toEqual(['1', '3']);
      expect(await one.database.takeOutbox([], 9)).toEqual([]);
      await one.database.dropOutbox([]);
      await one.database.reclaim();
      expect(texts(await one.database.takeOutbox([2], 9))).toEqual(['1']);
    });
  });

  describe('timers', () => {
    const due = async (nowMs: number, shards = [1, 2], limit = 10): Promise<string[]> =>
      (await one.database.dueTimers(shards, nowMs, limit)).map(({ kind }) => kind);

    test('are due from their millisecond on, the longest due first, and stay', async () => {
      const atMs = 1_700_000_000_123;
      await one.database.transaction((tx) =>
        tx.arm([
          { shard: 1, subject: SUBJECT, kind: 'second', atMs },
          { shard: 2, subject: OTHER, kind: 'first', atMs: atMs - 1 },
          { shard: 1, subject: OTHER, kind: 'third', atMs: atMs + 1 },
        ]),
      );
      expect(await due(atMs - 2)).toEqual([]);
      expect(await due(atMs)).toEqual(['first', 'second']);
      expect(await due(atMs)).toEqual(['first', 'second']);
      expect(await due(atMs + 1, [1])).toEqual(['second', 'third']);
      expect(await due(atMs + 1, [1, 2], 1)).toEqual(['first']);
      expect(await due(atMs + 1, [])).toEqual([]);
      const [timer] = await one.database.dueTimers([1], atMs, 1);
      expect(timer).toEqual({ shard: 1, subject: SUBJECT, kind: 'second', atMs });
    });

    test('are replaced by arming again and gone by disarming', async () => {
      const timer = { shard: 1, subject: SUBJECT, kind: 'delay' };
      await one.database.transaction((tx) => tx.arm([{ ...timer, atMs: 5 }]));
      await one.database.transaction((tx) =>
        tx.arm([
          { ...timer, atMs: 6 },
          { ...timer, atMs: 50 },
        ]),
      );
      expect(await due(49)).toEqual([]);
      expect(await due(50)).toEqual(['delay']);
      await one.database.transaction(async (tx) => {
        await tx.disarm([timer, { subject: OTHER, kind: 'delay' }]);
        await tx.arm([{ ...timer, kind: 'other', atMs: 7 }]);
      });
      expect(await due(50)).toEqual(['other']);
    });
  });

  describe('telling', () => {
    test('reaches the listeners of other replicas after the commit, and only then', async () => {
      const heard: string[] = [];
      const stop = await two.database.listen((subjects) => heard.push(...subjects));
      const many = Array.from({ length: 500 }, (_, n) =>
        OTHER.replace(/.{4}$/, String(n).padStart(4, '0')),
      );
      const refused = one.database.transaction(async (tx) => {
        await tx.tell(['00000000-0000-4000-8000-000000000000']);
        throw new Error('no');
      });
      await expect(refused).rejects.toThrow('no');
      await one.database.transaction(async (tx) => {
        await tx.tell([SUBJECT, SUBJECT]);
        await tx.tell(many);
        await read(one, 'a');
        expect(heard).toEqual([]);
      });
      await under.eventually(() => heard.length >= 501);
      expect(heard).toEqual([SUBJECT, ...many]);
      await stop();
      await one.database.transaction((tx) => tx.tell([OTHER]));
      await read(two, 'a');
      expect(heard).toHaveLength(501);
    });
  });
}
