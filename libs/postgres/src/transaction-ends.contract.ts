import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  type DatabaseUnderTest,
  type FaultyReplica,
  gate,
  type Replica,
} from './database-under-test.contract.js';
import { LOCK_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS } from './postgres-limits.js';
import { type ServiceTx, TransientDatabaseError } from './service-database.js';

const SUBJECT = '0b9c5a0e-2f0f-4b52-9a51-3d0e8f5a7c11';

/** How transactions end that do not end by themselves: what is left of them, and what is said. */
export function transactionEndsContract<Tx extends ServiceTx>(
  open: () => Promise<DatabaseUnderTest<Tx>>,
): void {
  let under: DatabaseUnderTest<Tx>;
  let one: Replica<Tx>;
  let faulty: FaultyReplica<Tx>;

  beforeEach(async () => {
    under = await open();
    one = await under.replica('one');
    faulty = await under.faultyReplica('faulty');
  });

  afterEach(() => under.close());

  const write = async (tx: Tx, text: string): Promise<void> => {
    await under.things.put(tx, 'a', { text, claim: text });
    await tx.admit(['k']);
    await tx.send([{ shard: 1, topic: 't', key: 'k', value: text }]);
    await tx.arm([{ shard: 1, subject: SUBJECT, kind: text, atMs: 1 }]);
  };
  /** What others find of it: the row, the inbox key, the outbox row and the timer. */
  const left = () =>
    one.database.transaction(async (tx) => [
      (await under.things.read(tx, 'a'))?.text,
      (await tx.admit(['k'])).size === 0,
      (await one.database.takeOutbox([1], 9)).map(({ message }) => message?.value),
      (await one.database.dueTimers([1], 9, 9)).map(({ kind }) => kind),
    ]);
  const NOTHING = [undefined, false, [], []];
  const all = (text: string) => [text, true, [text], [text]];

  const refusal = (outcome: 'rolled back' | 'unknown') => ({
    name: 'TransientDatabaseError',
    outcome,
  });

  test('a connection lost between two statements leaves nothing, and the next try succeeds', async () => {
    await faulty.database.transaction((tx) => under.things.read(tx, 'a'));
    const lost = faulty.database.transaction(async (tx) => {
      await write(tx, 'lost');
      faulty.cut();
      await tx.point([{ shard: 1, subject: SUBJECT, position: 1 }]);
    });
    await expect(lost).rejects.toMatchObject(refusal('rolled back'));
    await under.eventually(async () => (await left())[0] === undefined);
    expect(await left()).toEqual([undefined, true, [], []]);
    await faulty.database.transaction((tx) =>
      under.things.put(tx, 'a', { text: 'again', claim: 'lost' }),
    );
  });

  test('a connection lost before the commit leaves nothing, and nobody can tell', async () => {
    const lost = faulty.database.transaction(async (tx) => {
      await write(tx, 'lost');
      faulty.cut();
    });
    await expect(lost).rejects.toMatchObject(refusal('unknown'));
    expect(await left()).toEqual(NOTHING);
  });

  test('a commit whose answer is lost has taken place, whole, and nobody can tell', async () => {
    faulty.loseCommitAnswer();
    const lost = faulty.database.transaction((tx) => write(tx, 'kept'));
    await expect(lost).rejects.toMatchObject(refusal('unknown'));
    expect(await left()).toEqual(all('kept'));
    // The second try finds its key in the inbox.
    const again = faulty.database.transaction((tx) => tx.admit(['k']));
    expect(await again).toEqual(new Set());
  });

  test('nor can anybody when the answers of statements nobody waited for are lost with it', async () => {
    faulty.loseCommitAnswer();
    const lost = faulty.database.transaction(async (tx) => {
      await under.things.read(tx, 'a');
      write(tx, 'kept').catch(() => undefined);
      void tx.point([{ shard: 2, subject: SUBJECT, position: 1 }]);
    });
    await expect(lost).rejects.toMatchObject(refusal('unknown'));
    expect((await left())[0]).toBe('kept');
    expect(await one.database.takeOutbox([2], 9)).toHaveLength(1);
  });

  test.each([
    ['its next statement', (tx: ServiceTx) => tx.admit(['k']), 'rolled back'],
    ['its commit', () => Promise.resolve(), 'unknown'],
  ] as const)('one that idles for too long is ended, as %s is told', async (_, next, outcome) => {
    const wrote = gate();
    const going = gate();
    const idle = one.database.transaction(async (tx) => {
      await under.things.put(tx, 'a', { text: 'lost', claim: null });
      wrote.open();
      await going.opened;
      await next(tx);
    });
    await wrote.opened;
    let isServed = false;
    const behind = faulty.database.transaction(async (tx) => {
      await under.things.insert(tx, 'a', { text: 'mine', claim: null });
      isServed = true;
    });
    await under.eventually(async () => (await under.blocked()) === 1);
    await under.eventually(async () => {
      await faulty.database.transaction((tx) => under.things.read(tx, 'b'));
      return isServed;
    });
    await behind;
    going.open();
    await expect(idle).rejects.toMatchObject(refusal(outcome));
    expect((await left())[0]).toBe('mine');
  });

  test('one that goes on for longer than any may is ended, although it never idles', async () => {
    await one.database.transaction((tx) => under.things.put(tx, 'a', { text: 'x', claim: null }));
    const endless = faulty.database.transaction(async (tx) => {
      await under.things.lock(tx, 'a', 'wait');
      await under.eventually(async () => {
        await under.things.read(tx, 'b');
        return false;
      }, TRANSACTION_TIMEOUT_MS + 5_000);
    });
    await expect(endless).rejects.toMatchObject(refusal('rolled back'));
    const isFree = one.database.transaction((tx) => under.things.lock(tx, 'a', 'skip'));
    expect(await isFree).toBe(true);
  });

  test('who waits for a lock longer than allowed is refused, as transient', async () => {
    await one.database.transaction((tx) => under.things.put(tx, 'a', { text: 'x', claim: null }));
    await one.database.transaction(async (tx) => {
      await under.things.lock(tx, 'a', 'wait');
      let refused: unknown;
      const impatient = faulty.database.transaction((other) =>
        under.things.lock(other, 'a', 'wait'),
      );
      impatient.catch((error: unknown) => {
        refused = error;
      });
      // The first must stay busy, or its transaction would fall for idling.
      await under.eventually(async () => {
        await under.things.read(tx, 'a');
        return refused !== undefined;
      }, LOCK_TIMEOUT_MS + 2_000);
      expect(refused).toBeInstanceOf(TransientDatabaseError);
      expect(refused).toMatchObject(refusal('rolled back'));
    });
  });
}
