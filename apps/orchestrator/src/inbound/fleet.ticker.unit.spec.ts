import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { silentLog } from '#runtime/log.js';
import { SystemClock } from '#runtime/clock.js';
import { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { RegisteredDrivers } from '#targets/target-drivers.js';
import type { SimulatedFault } from '#targets/simulated-faults.js';
import { isTerminal, type Execution } from '#core/execution/execution.js';
import type { CheckResult } from '#core/execution/execution.js';
import { aStoredExecution } from '../persistence/execution.contract.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from '../persistence/execution.memory.store.js';
import { type RawReport } from '../upgrade-asked.runner.js';
import { UpgradeRunner } from '../upgrade.runner.js';
import { FleetTicker } from './fleet.ticker.js';

const LIMIT_MS = 10_000;
const PASSED: CheckResult = {
  check: 'HEALTH_ENDPOINTS',
  outcome: 'PASSED',
  summary: 'all answer',
  evidence: {},
  durationMs: 1,
};

describe('the engine, over the in-memory twins', () => {
  const clock = new SystemClock();
  let database: MemoryServiceDatabase;
  let store: MemoryExecutionStore;
  let runner: UpgradeRunner;
  let fleet: FleetTicker;
  let leases: MemoryShardLeases;
  let targets: SimulatedTargets;

  beforeEach(async () => {
    database = new MemoryServiceDatabase({ nowMs: () => clock.nowMs(), tables: EXECUTION_TABLES });
    store = new MemoryExecutionStore(database);
    leases = new MemoryShardLeases(database, () => clock.nowMs());
    await leases.renew();
    runner = new UpgradeRunner(store, leases, clock, {
      committed: (change) => {
        fleet.committed(change);
      },
      decided: () => undefined,
    });
    targets = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
    const drivers = new RegisteredDrivers({ simulated: targets, agent: targets });
    const dueTimers = database.dueTimers.bind(database);
    fleet = new FleetTicker({ store, runner, leases, drivers, clock, log: silentLog, dueTimers });
    fleet.start();
  });
  afterEach(async () => {
    await fleet.stop();
    await database.close();
  });

  async function create(
    settings: Record<string, unknown> & { faults?: SimulatedFault[] },
    plan: Partial<Execution['plan']> = {},
  ): Promise<string> {
    const { execution, snapshot, ...brief } = aStoredExecution();
    const { id, tenantId, componentId, kind } = execution;
    const own = { fleet: `${tenantId}/${componentId}`, version: '1.0.0' };
    const target = { driver: 'simulated', settings: { ...own, ...settings } };
    const asked = { id, tenantId, componentId, kind, by: 'ann', ...brief };
    const [planned, shot] = [
      { ...execution.plan, ...plan },
      { ...snapshot, target },
    ];
    await runner.create({ ...asked, plan: planned, snapshot: shot });
    await runner.act(id, { type: 'START', by: 'ann', reason: null, force: false }, undefined);
    return id;
  }

  async function until(id: string, holds: (execution: Execution) => boolean): Promise<Execution> {
    const endMs = clock.nowMs() + LIMIT_MS;
    for (;;) {
      const stored = await store.get(id);
      if (stored !== null && holds(stored.execution)) return stored.execution;
      if (clock.nowMs() > endMs) throw new Error(`still ${JSON.stringify(stored?.execution)}`);
      await clock.sleep(1);
    }
  }

  const say = (id: string, input: RawReport): Promise<void> =>
    runner.absorb([{ executionId: id, inboxKey: randomUUID(), input }]);

  it('takes ten instances from one version to the next, in batches, each step an event', async () => {
    const id = await create({ instances: 10 });
    await say(id, { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: [PASSED] });
    await until(id, ({ counters }) => counters.COMPLETED === 10);
    await say(id, { type: 'POST_CHECKS_ENDED', handOver: 1, checks: [PASSED] });
    const ended = await until(id, ({ status }) => isTerminal(status));
    expect(ended.status).toBe('COMPLETED');
    const events = await store.events(id, 0, 1_000);
    expect(events.map((event) => event.data.sequence)).toEqual(events.map((_, at) => at + 1));
    const moves = events.filter((event) => 'instanceId' in event.data);
    expect(moves).toHaveLength(40);
  });

  it('retries an instance that fails once, and completes', async () => {
    const faults = [{ instance: 1, on: 'BRING', how: 'FAIL', times: 1 } as const];
    const id = await create({ instances: 4, faults });
    await say(id, { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: [PASSED] });
    const done = await until(id, ({ counters }) => counters.COMPLETED === 4);
    expect(done.counters.FAILED).toBe(0);
    const retried = await store.instances(id, { statuses: null, afterIndex: -1, limit: 10 });
    expect(retried.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 1]);
  });

  it('hands all touched instances to the rollback agent when the threshold is reached', async () => {
    const faults = [{ on: 'BRING', how: 'FAIL' } as const];
    const id = await create({ instances: 4, faults }, { failureThreshold: 2 });
    await say(id, { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: [PASSED] });
    const back = await until(id, ({ status }) => status === 'ROLLING_BACK');
    expect(back.handOver).toBe(2);
    const sent = await database.takeOutbox([...Array(16).keys()], 1_000);
    const command = sent.find(({ message }) => message?.topic === 'upgrade.rollback.commands.v1');
    expect(JSON.parse(command?.message?.value ?? '{}')).toMatchObject({
      data: { fence: { handOver: 2 }, page: 1, pages: 1, instances: [{ index: 0 }, { index: 1 }] },
    });
    await say(id, {
      type: 'ROLLBACK_ANSWERED',
      handOver: 2,
      restored: [0, 1],
      leftOver: [],
      done: true,
    });
    const ended = await until(id, ({ status }) => isTerminal(status));
    expect(ended.status).toBe('ROLLED_BACK');
  });

  it('begins nothing more after a cancel, and lets what is under way end', async () => {
    const id = await create({ instances: 10, latencyMs: 20 });
    await say(id, { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: [PASSED] });
    await until(id, ({ counters }) => counters.DRAINING + counters.UPGRADING > 0);
    await runner.act(id, { type: 'CANCEL', by: 'ann', reason: null, force: false }, undefined);
    const ended = await until(id, ({ status }) => isTerminal(status));
    expect(ended.status).toBe('CANCELLED');
    expect(ended.counters).toMatchObject({ COMPLETED: 2, PENDING: 8 });
  });
});
