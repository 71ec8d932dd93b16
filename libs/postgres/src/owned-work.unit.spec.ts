import { describe, expect, test } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { OwnedWork, type Drive, type OwnedKey } from './owned-work.js';
import { StaleEpochError, type Lease } from './service-database.js';

/** A replica whose leases and rows a test sets, and what its drives did. */
class Replica {
  readonly clock = new SteppedClock();
  leases: Lease[] = [{ shard: 3, epoch: 1 }];
  rows: OwnedKey[] = [];
  readonly done: string[] = [];
  readonly errors: unknown[] = [];
  turn: (key: OwnedKey) => Promise<number | 'OVER'> = () => Promise.resolve(1_000);
  readonly work = new OwnedWork<OwnedKey>('work', {
    leases: { heldNow: () => this.leases },
    find: (shards, limit) => this.find(shards, limit),
    open: (key, lease) => this.open(key, lease),
    clock: this.clock,
    onError: (error) => this.errors.push(error),
  });

  find(shards: readonly number[], limit: number): Promise<OwnedKey[]> {
    const found = this.rows.filter(({ shard }) => shards.includes(shard));
    return Promise.resolve(found.slice(0, limit));
  }

  open(key: OwnedKey, lease: Lease): Drive {
    const name = `${key.id}@${String(lease.epoch)}`;
    this.done.push(`open ${name}`);
    return {
      turn: () => {
        this.done.push(`turn ${name}`);
        return this.turn(key);
      },
      abandon: () => this.done.push(`abandon ${name}`),
    };
  }
}

const A = { id: 'a', subject: 'sa', shard: 3 };
const B = { id: 'b', subject: 'sb', shard: 7 };

describe('work in shards', () => {
  test('is driven while its shard is held, and no other', async () => {
    const replica = new Replica();
    replica.rows = [A, B];
    replica.work.start();
    await replica.clock.advance(0);
    expect(replica.done).toEqual(['open a@1', 'turn a@1']);
    await replica.clock.advance(1_000);
    expect(replica.done.filter((line) => line === 'turn a@1')).toHaveLength(2);
    expect(replica.done).not.toContain('open b@1');
  });

  test('is dropped when the lease is gone, and begun anew under the next epoch', async () => {
    const replica = new Replica();
    replica.rows = [A];
    replica.work.start();
    await replica.clock.advance(0);
    replica.leases = [];
    await replica.clock.advance(200);
    expect(replica.done.at(-1)).toBe('abandon a@1');
    replica.leases = [{ shard: 3, epoch: 2 }];
    await replica.clock.advance(200);
    expect(replica.done.slice(-2)).toEqual(['open a@2', 'turn a@2']);
  });

  test('is not taken for the same when the shard was away between two looks', async () => {
    const replica = new Replica();
    replica.rows = [A];
    replica.work.start();
    await replica.clock.advance(0);
    replica.leases = [{ shard: 3, epoch: 4 }];
    await replica.clock.advance(200);
    expect(replica.done).toEqual(['open a@1', 'turn a@1', 'abandon a@1', 'open a@4', 'turn a@4']);
  });

  test('that is over is dropped, and its rows no longer show it', async () => {
    const replica = new Replica();
    replica.rows = [A];
    replica.turn = () => {
      replica.rows = [];
      return Promise.resolve('OVER');
    };
    replica.work.start();
    await replica.clock.advance(5_000);
    expect(replica.done).toEqual(['open a@1', 'turn a@1', 'abandon a@1']);
    expect(replica.work.size).toBe(0);
  });

  test('that somebody else ended is dropped at the next look', async () => {
    const replica = new Replica();
    replica.rows = [A];
    replica.work.start();
    await replica.clock.advance(0);
    replica.rows = [];
    await replica.clock.advance(200);
    expect(replica.done).toEqual(['open a@1', 'turn a@1', 'abandon a@1']);
  });

  test('goes on when the rows do not show it because there are too many of them', async () => {
    const replica = new Replica();
    replica.rows = [A];
    replica.work.start();
    await replica.clock.advance(0);
    const other = { ...B, shard: A.shard };
    replica.rows = [...Array<OwnedKey>(10_000).fill(other), A];
    await replica.clock.advance(1_000);
    expect(replica.done).not.toContain('abandon a@1');
    expect(replica.done.filter((line) => line === 'turn a@1')).toHaveLength(2);
  });

  test('takes a turn at once when it is told of, another’s does not', async () => {
    const replica = new Replica();
    replica.leases.push({ shard: 7, epoch: 1 });
    replica.rows = [A, B];
    replica.work.start();
    await replica.clock.advance(0);
    replica.done.length = 0;
    replica.work.wake(['sb']);
    await replica.clock.settle();
    expect(replica.done).toEqual(['turn b@1']);
  });

  test('that another replica has taken over is left alone for a second, whatever goes well', async () => {
    const replica = new Replica();
    replica.rows = [A];
    let turns = 0;
    replica.turn = () => {
      turns += 1;
      const isReport = turns % 2 === 0;
      return isReport ? Promise.reject(new StaleEpochError(replica.leases)) : Promise.resolve(5);
    };
    replica.work.start();
    await replica.clock.advance(2_900);
    expect(turns).toBe(6);
    expect(replica.errors).toHaveLength(3);
  });

  test('whose turn fails is taken again, and delays nobody else’s', async () => {
    const replica = new Replica();
    replica.leases.push({ shard: 7, epoch: 1 });
    replica.rows = [A, B];
    replica.turn = (key) => (key.id === 'a' ? Promise.reject(new Error('no')) : Promise.resolve(5));
    replica.work.start();
    await replica.clock.advance(100);
    expect(replica.errors.length).toBeGreaterThan(1);
    expect(replica.done.filter((line) => line === 'turn b@1').length).toBeGreaterThan(10);
  });

  test('ends with its replica: nothing is begun after, and turns under way are waited for', async () => {
    const replica = new Replica();
    replica.rows = [A];
    let end: (pause: number) => void = () => undefined;
    replica.turn = () => new Promise((resolve) => (end = resolve));
    replica.work.start();
    await replica.clock.advance(0);
    let stopped = false;
    const stopping = replica.work.stop().then(() => (stopped = true));
    await replica.clock.advance(1_000);
    expect([replica.done.at(-1), stopped]).toEqual(['abandon a@1', false]);
    end(0);
    await stopping;
    expect(replica.done.filter((line) => line.startsWith('open'))).toHaveLength(1);
  });
});
