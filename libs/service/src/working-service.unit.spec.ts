import { expect, it } from '@jest/globals';
import { MemoryBus } from '#messaging/memory-bus.js';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { WorkingService, type WorkTicker } from './working-service.js';

const SUBJECT = '00000000-0000-4000-8000-000000000001';

/** A service whose work is to say what it is told. */
class Telling extends WorkingService {
  readonly told: string[] = [];
  isDone: () => void = () => undefined;
  protected override readonly ticker: WorkTicker = {
    start: () => void this.told.push('start'),
    wake: (ids = ['all']) => void this.told.push(...ids),
    stop: () => new Promise((resolve) => (this.isDone = resolve)),
  };
}

function aService() {
  const clock = new SteppedClock();
  const nowMs = (): number => clock.nowMs();
  const database = new MemoryServiceDatabase({ nowMs });
  const leases = new MemoryShardLeases(database, nowMs);
  const producer = new MemoryBus({ topics: [], clock }).producer('one');
  const purges = { left: 3, count: 0 };
  const parts = { database, leases, producer, clock, log: silentLog };
  const service = new Telling(parts, () => {
    purges.count += 1;
    purges.left -= 1;
    return Promise.resolve(purges.left > 0);
  });
  const tell = (): Promise<void> => database.transaction((tx) => tx.tell([SUBJECT]));
  return { service, clock, purges, tell };
}

it('its work begins, and is woken by what was committed and by leases that changed', async () => {
  const { service, clock, tell } = aService();
  await service.start();
  await clock.advance(1_000);
  expect(service.told).toEqual(['start', 'all']);
  await tell();
  await clock.settle();
  expect(service.told.at(-1)).toBe(SUBJECT);
});

it('what is old is forgotten until none is left, and then ten minutes later', async () => {
  const { service, clock, purges } = aService();
  await service.start();
  await clock.advance(1_000);
  expect(purges.count).toBe(3);
  await clock.advance(600_000);
  expect(purges.count).toBe(4);
});

it('has ended when its work has, and hears and forgets nothing after', async () => {
  const { service, clock, purges, tell } = aService();
  await service.start();
  await clock.advance(1_000);
  let hasEnded = false;
  const ended = service.stop().then(() => (hasEnded = true));
  await clock.advance(1_000);
  expect(hasEnded).toBe(false);
  service.isDone();
  await ended;
  const { length } = service.told;
  await tell();
  await clock.advance(600_000);
  expect(service.told).toHaveLength(length);
  expect(purges.count).toBe(3);
});
