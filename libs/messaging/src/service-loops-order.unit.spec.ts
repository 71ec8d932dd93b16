import { expect, test } from '@jest/globals';
import type { Lease } from '#postgres/service-database.js';
import type { LeaseRenewal, ShardLeases } from '#postgres/shard-leases.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import type { OutboxRelay } from './outbox-relay.js';
import { INBOX_PURGED_AT_ONCE, RELAY_FLUSH_RUNS_MAX } from './service-loop-limits.js';
import { ServiceLoops } from './service-loops.js';

/** The loops of a replica whose renewals take 100 ms and say what the test says. */
function replica() {
  const clock = new SteppedClock();
  const startedAtMs = clock.nowMs();
  const done: string[] = [];
  const say = (what: string): void => {
    done.push(`${what} at ${String(clock.nowMs() - startedAtMs)}`);
  };
  const renewal: LeaseRenewal = { held: [], gained: [], lost: [], othersRunOutInMs: null };
  const leases = {
    renew: async () => {
      await clock.sleep(100);
      say('renewed');
      return { ...renewal };
    },
    release: () => {
      say('released');
      return Promise.resolve();
    },
  } as unknown as ShardLeases;
  const relay = {
    work: () => {
      say('relayed');
      return Promise.resolve(Infinity);
    },
    relayOnce: () => {
      say('flushed');
      return Promise.resolve(left.shift() ?? 0);
    },
  } as unknown as OutboxRelay;
  const left: number[] = [];
  const purged: number[] = [];
  const database = {
    reclaim: () => Promise.resolve(),
    purgeInbox: () => {
      say('purged');
      return Promise.resolve(purged.shift() ?? 0);
    },
  };
  const onError = (error: unknown): void => {
    throw error;
  };
  const loops = new ServiceLoops({ leases, relay, database, clock, inboxKeptMs: 5_000, onError });
  const told = (what: string): string[] => done.filter((line) => line.startsWith(what));
  return { clock, loops, done, told, renewal, purged, left };
}

test('shards are given back when the renewal under way is over, and none follows', async () => {
  const { clock, loops, done, told } = replica();
  loops.start();
  await clock.advance(50);
  const givenBack = loops.giveShardsBack();
  await clock.advance(2_000);
  await givenBack;
  expect(told('renewed')).toEqual(['renewed at 100']);
  expect(told('released')).toEqual(['released at 100']);
  expect(done.indexOf('renewed at 100')).toBeLessThan(done.indexOf('released at 100'));
});

test('at the end the outbox is sent until nothing is left, but not without end', async () => {
  const { loops, told, left } = replica();
  left.push(500, 500, 7);
  await loops.flush();
  expect(told('flushed')).toHaveLength(4);
  left.push(...Array.from({ length: 2 * RELAY_FLUSH_RUNS_MAX }, () => 1));
  await loops.flush();
  expect(told('flushed')).toHaveLength(4 + RELAY_FLUSH_RUNS_MAX);
});

test('the lease of another that runs out sooner than ours are due is asked for then', async () => {
  const { clock, loops, told, renewal } = replica();
  renewal.othersRunOutInMs = 30;
  loops.start();
  await clock.advance(100);
  renewal.othersRunOutInMs = 5_000;
  await clock.advance(1_000);
  expect(told('renewed')).toEqual(['renewed at 100', 'renewed at 230', 'renewed at 830']);
});

test('a shard that is lost is told of, though none was gained', async () => {
  const { clock, loops, renewal } = replica();
  const lost: Lease[][] = [];
  loops.onLeases((change) => lost.push(change.lost));
  loops.start();
  await clock.advance(100);
  expect(lost).toEqual([]);
  renewal.lost = [{ shard: 3, epoch: 1 }];
  await clock.advance(600);
  expect(lost).toEqual([[{ shard: 3, epoch: 1 }]]);
});

test('old inbox keys are forgotten until none is left, and then a minute later', async () => {
  const { clock, loops, told, purged } = replica();
  purged.push(INBOX_PURGED_AT_ONCE, INBOX_PURGED_AT_ONCE, 1);
  loops.start();
  await clock.advance(1_000);
  expect(told('purged')).toEqual(Array(3).fill('purged at 0'));
  await clock.advance(60_000);
  expect(told('purged')).toHaveLength(4);
});

test('after the last flush nothing is relayed any more', async () => {
  const { clock, loops, told } = replica();
  loops.start();
  await clock.advance(50);
  expect(told('relayed')).toHaveLength(1);
  const flushed = loops.flush();
  await clock.advance(0);
  await flushed;
  loops.wakeRelay();
  await clock.advance(5_000);
  expect(told('relayed')).toHaveLength(1);
});
