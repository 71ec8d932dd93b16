import { expect, it } from '@jest/globals';
import { MemoryBus } from '#messaging/memory-bus.js';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { TransientDatabaseError } from '#postgres/service-database.js';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { Orchestrator } from './orchestrator.js';
import { HOUSEKEEPING_LIMITS } from './orchestrator-limits.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from './persistence/execution.memory.store.js';

const START = { type: 'START', by: 'ann', reason: null, force: false } as const;

/** A replica of which the test hears what its engine is told. */
function replica() {
  const clock = new SteppedClock();
  const nowMs = (): number => clock.nowMs();
  const database = new MemoryServiceDatabase({ nowMs, tables: EXECUTION_TABLES });
  const leases = new MemoryShardLeases(database, nowMs);
  const store = new MemoryExecutionStore(database);
  const producer = new MemoryBus({ topics: [], clock }).producer('one');
  const drivers = {} as TargetDrivers;
  const parts = { database, leases, store, producer, drivers, clock, log: silentLog };
  const orchestrator = new Orchestrator(parts);
  const said: string[] = [];
  const { fleet } = orchestrator;
  fleet.told = (ids) => said.push(`told ${ids.join()}`);
  fleet.leasesChanged = () => said.push('leases changed');
  return { clock, database, store, orchestrator, said };
}

it('room is made for facts at the start and every hour', async () => {
  const { clock, store, orchestrator } = replica();
  const atMs: number[] = [];
  store.makeRoomForFacts = () => {
    atMs.push(clock.nowMs());
    return Promise.resolve();
  };
  // What looks every few moments would make hours long.
  orchestrator.loops.start = () => undefined;
  orchestrator.fleet.start = () => undefined;
  await orchestrator.start();
  await clock.advance(2 * HOUSEKEEPING_LIMITS.everyMs);
  await orchestrator.stop();
  const { everyMs } = HOUSEKEEPING_LIMITS;
  expect(atMs).toEqual([0, everyMs, 2 * everyMs]);
});

it('the engine is told of leases, of what other replicas have changed, and of doubts', async () => {
  const { clock, database, store, orchestrator, said } = replica();
  await orchestrator.start();
  await clock.advance(10);
  expect(said).toEqual(['leases changed']);
  await database.transaction((tx) => tx.tell(['e-1']));
  await clock.settle();
  expect(said.slice(1)).toEqual(['told e-1']);
  store.transaction = () => {
    return Promise.reject(new TransientDatabaseError('lost', { outcome: 'unknown' }));
  };
  await expect(orchestrator.runner.act('e-2', START, undefined)).rejects.toThrow('lost');
  expect(said.slice(2)).toEqual(['told e-2']);
  await orchestrator.stop();
});

it('the end waits for what the engine has under way', async () => {
  const { clock, orchestrator } = replica();
  await orchestrator.start();
  let isOver = false;
  orchestrator.fleet.stop = () => clock.sleep(100);
  const stopped = orchestrator.stop().then(() => (isOver = true));
  await clock.advance(99);
  expect(isOver).toBe(false);
  await clock.advance(1);
  await stopped;
});
