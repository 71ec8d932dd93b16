import { describe, expect, test } from '@jest/globals';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import type { ServiceTx } from '#postgres/service-database.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { DatabaseOutbox, type ExpandPointers } from './database-outbox.js';
import { MemoryBus } from './memory-bus.js';
import { noMeter } from './messaging-meter.js';
import { OutboxRelay } from './outbox-relay.js';
import { ServiceLoops } from './service-loops.js';

const TOPIC = 'results';
const SUBJECT = '00000000-0000-4000-8000-000000000001';

function service(expand?: ExpandPointers) {
  const clock = new SteppedClock(1_000_000);
  const nowMs = (): number => clock.nowMs();
  const database = new MemoryServiceDatabase({ nowMs });
  const leases = new MemoryShardLeases(database, nowMs);
  const bus = new MemoryBus({ topics: [{ name: TOPIC, partitions: 1 }], clock });
  const source = new DatabaseOutbox(database, leases, expand);
  const relay = new OutboxRelay(source, bus.producer('one'), clock, noMeter);
  const errors: unknown[] = [];
  const onError = (error: unknown): number => errors.push(error);
  const loops = new ServiceLoops({ leases, relay, database, clock, inboxKeptMs: 5_000, onError });
  const sent = (): (string | undefined)[] => {
    return bus.contents(TOPIC).map((message) => message.value?.toString());
  };
  const commit = (work: (tx: ServiceTx) => Promise<void>): Promise<void> =>
    database.transaction(work);
  return { clock, database, leases, source, loops, errors, sent, commit };
}

function messages(...values: string[]) {
  return values.map((value) => ({ shard: 3, topic: TOPIC, key: 'k', value }));
}

describe('the loops every service has alike', () => {
  test('renew leases and tell of what was gained', async () => {
    const { clock, loops, leases } = service();
    const gained: number[] = [];
    loops.onLeases((renewal) => gained.push(renewal.gained.length));
    loops.start();
    await clock.advance(0);
    expect(gained).toEqual([16]);
    await clock.advance(60_000);
    expect(gained).toEqual([16]);
    expect(leases.heldNow()).toHaveLength(16);
  });

  test('relay in order what is committed, at once when woken', async () => {
    const { clock, loops, sent, commit } = service();
    loops.start();
    await clock.advance(1_000);
    await commit((tx) => tx.send(messages('a', 'b')));
    loops.wakeRelay();
    await clock.settle();
    expect(sent()).toEqual(['a', 'b']);
  });

  test('relay nothing of shards that are another’s', async () => {
    const { source, commit, leases } = service();
    await commit((tx) => tx.send(messages('a')));
    expect(await source.take(10, 1_000, new Set())).toEqual([]);
    await leases.renew();
    expect(await source.take(10, 1_000, new Set())).toHaveLength(1);
  });

  test('send what is left at the end, and only then give the shards back', async () => {
    const { clock, loops, sent, commit, leases } = service();
    loops.start();
    await clock.advance(0);
    await commit((tx) => tx.send(messages('last')));
    const ending = loops.flush();
    await clock.settle();
    await ending;
    expect(sent()).toEqual(['last']);
    expect(leases.heldNow()).toHaveLength(16);
    const givenBack = loops.giveShardsBack();
    await clock.settle();
    await givenBack;
    expect(leases.heldNow()).toEqual([]);
  });

  test('forget old inbox keys and no younger ones', async () => {
    const { clock, loops, commit, errors } = service();
    let again = new Set<string>();
    await commit(async (tx) => {
      await tx.admit(['old']);
    });
    await clock.advance(5_001);
    await commit(async (tx) => {
      await tx.admit(['young']);
    });
    await clock.advance(1_000);
    loops.start();
    await clock.advance(1);
    await commit(async (tx) => {
      again = await tx.admit(['old', 'young']);
    });
    expect([...again]).toEqual(['old']);
    expect(errors).toEqual([]);
  });
});

describe('the outbox of a service', () => {
  test('leaves out what is being sent, and stops at the bytes asked for', async () => {
    const { source, commit, leases } = service();
    await leases.renew();
    await commit((tx) => tx.send(messages('aaaa', 'bbbb', 'cccc', 'dddd')));
    const first = await source.take(10, 5, new Set());
    expect(first.map((entry) => entry.messages[0]?.value)).toEqual(['aaaa', 'bbbb']);
    const rest = await source.take(2, 100, new Set([first[0]?.id ?? '']));
    expect(rest.map((entry) => entry.messages[0]?.value)).toEqual(['bbbb', 'cccc']);
  });

  test('expands pointers in their places, and refuses them where nobody can', async () => {
    const expand: ExpandPointers = (pointers) =>
      Promise.resolve(
        pointers.map(({ position }) => {
          return [{ topic: TOPIC, key: 'k', value: `fact ${String(position)}` }];
        }),
      );
    for (const given of [expand, undefined]) {
      const { source, commit, leases } = service(given);
      await leases.renew();
      await commit(async (tx) => {
        await tx.send(messages('a'));
        await tx.point([{ shard: 3, subject: SUBJECT, position: 7 }]);
      });
      const taken = source.take(10, 100, new Set());
      if (given === undefined) {
        await expect(taken).rejects.toThrow('writes no pointers');
        continue;
      }
      const values = (await taken).flatMap((entry) => entry.messages.map(({ value }) => value));
      expect(values).toEqual(['a', 'fact 7']);
    }
  });
});
