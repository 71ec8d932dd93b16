import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { silentLog } from '#runtime/log.js';
import { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { RegisteredDrivers } from '#targets/target-drivers.js';
import { TargetUnreachableError, type TargetDriver } from '#targets/target.driver.js';
import type { SimulatedFault } from '#targets/simulated-faults.js';
import { VirtualClock } from '#testing/virtual-clock.js';
import { isTerminal, type Execution } from '#core/execution/execution.js';
import type { CheckResult } from '#core/execution/execution.js';
import { aStoredExecution } from '../persistence/execution.contract.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from '../persistence/execution.memory.store.js';
import { type RawReport } from '../upgrade-asked.runner.js';
import { UpgradeRunner } from '../upgrade.runner.js';
import { TidyingRunner } from '../tidying.runner.js';
import { FleetTicker } from './fleet.ticker.js';
import { TidyingTicker } from './tidying.ticker.js';

const LIMIT_MS = 10_000;
const STARTED_MS = Date.UTC(2026, 0, 1);
const RENEWED_EVERY_MS = 300;
const PASSED: CheckResult = {
  check: 'HEALTH_ENDPOINTS',
  outcome: 'PASSED',
  summary: 'all answer',
  evidence: {},
  durationMs: 1,
};

describe('the engine, over the in-memory twins', () => {
  let clock: VirtualClock;
  let database: MemoryServiceDatabase;
  let store: MemoryExecutionStore;
  let runner: UpgradeRunner;
  let fleet: FleetTicker;
  let leases: MemoryShardLeases;
  let targets: SimulatedTargets;
  let isRenewalLate: boolean;
  /** Done to every driver that is opened. */
  let spoil: (driver: TargetDriver) => void;

  /** Again and again, as long as time passes. */
  function renewLater(): void {
    clock.at(clock.nowMs() + RENEWED_EVERY_MS, () => {
      void leases.renew();
      renewLater();
    });
  }

  beforeEach(async () => {
    clock = new VirtualClock(STARTED_MS);
    database = new MemoryServiceDatabase({ nowMs: () => clock.nowMs(), tables: EXECUTION_TABLES });
    store = new MemoryExecutionStore(database);
    leases = new MemoryShardLeases(database, () => clock.nowMs());
    await leases.renew();
    renewLater();
    runner = new UpgradeRunner(store, leases, clock, {
      committed: (change) => {
        fleet.committed(change);
      },
      decided: () => undefined,
    });
    targets = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
    spoil = () => undefined;
    isRenewalLate = false;
    const believed = { heldNow: () => (isRenewalLate ? [] : leases.heldNow()) };
    const simulated = {
      check: (settings: Readonly<Record<string, unknown>>) => {
        targets.check(settings);
      },
      open: (settings: Readonly<Record<string, unknown>>) => {
        const driver = targets.open(settings);
        spoil(driver);
        return driver;
      },
    };
    const drivers = new RegisteredDrivers({ simulated, agent: simulated });
    const dueTimers = database.dueTimers.bind(database);
    fleet = new FleetTicker({
      ...{ store, runner, drivers, clock, dueTimers },
      tidying: new TidyingTicker({
        tidying: new TidyingRunner(store, clock),
        ...{ drivers, clock, log: silentLog },
      }),
      leases: believed,
      log: silentLog,
    });
    fleet.start();
  });
  afterEach(async () => {
    // What is under way needs time to pass before it ends.
    let isStopped = false;
    const stopping = fleet.stop().then(() => (isStopped = true));
    await clock.runUntil(() => isStopped, { limitMs: LIMIT_MS, eventsMax: 100_000 });
    await stopping;
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
    const asked = { id, tenantId, componentId, kind, revertOf: null, by: 'ann', ...brief };
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
      await clock.pass(1);
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
      setsRestored: false,
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

  it('counts the room again when a count fails later than the next one was due', async () => {
    let counts = 0;
    spoil = (driver) => {
      driver.room = async () => {
        counts += 1;
        if (counts > 1) return { listed: 4, down: 0, spare: 0 };
        await clock.sleep(2_100);
        throw new TargetUnreachableError('no answer');
      };
    };
    const id = await create({ instances: 4 });
    await say(id, { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: [PASSED] });
    await until(id, ({ counters }) => counters.COMPLETED === 4);
  });

  it('takes a second one that fell after the count for down as well', async () => {
    spoil = (driver) => {
      const list = driver.list.bind(driver);
      driver.room = () => Promise.resolve({ listed: 8, down: 1, spare: 0 });
      driver.list = async (query, signal) => {
        if (query.downOnly !== true) return list(query, signal);
        const { instances } = await list({ limit: 8 }, signal);
        const down = instances.filter((_, at) => at === 1 || at === 6);
        return { instances: down.map((one) => ({ ...one, healthy: false })), nextCursor: null };
      };
    };
    // Two of eight may be down, and two are: of ours the one that is down already, and nobody else.
    const plan = { totalInstances: 4, maxUnavailablePercentage: 25 };
    const faults = [{ on: 'DRAIN', how: 'HANG' } as const];
    const id = await create({ instances: 8, faults }, plan);
    await say(id, { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: [PASSED] });
    const begun = await until(id, ({ counters }) => counters.DRAINING > 0);
    expect(begun.counters.DRAINING).toBe(1);
  });

  it('does not take down ones from a count that a batch has taken them from since', async () => {
    const faults = [{ on: 'DRAIN', how: 'HANG' } as const];
    const id = await create({ instances: 8, faults });
    await say(id, { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: [PASSED] });
    await until(id, ({ counters }) => counters.DRAINING === 2);
    const countedAtMs = clock.nowMs();
    const room = { othersDown: 2, downPending: [0, 5], countedAtMs };
    await say(id, { type: 'ROOM_COUNTED', room });
    const stored = (await store.get(id))?.execution;
    expect(stored).toMatchObject({ room: { othersDown: 1, downPending: [5] } });
  });

  it.each([50, 700])(
    'goes on when a renewal is %d ms late and brings the same leases back',
    async (lateMs) => {
      const id = await create({ instances: 4, latencyMs: 100 });
      await say(id, { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: [PASSED] });
      await until(id, ({ counters }) => counters.DRAINING > 0);
      isRenewalLate = true;
      await clock.pass(lateMs);
      isRenewalLate = false;
      await until(id, ({ counters }) => counters.COMPLETED === 4);
    },
  );

  it('lets go of an execution that another replica ended', async () => {
    const id = await create({ instances: 4 });
    const nobody = { committed: () => undefined, decided: () => undefined };
    const elsewhere = { heldNow: () => [] } as unknown as MemoryShardLeases;
    const other = new UpgradeRunner(store, elsewhere, clock, nobody);
    expect(fleet.driven).toBe(1);
    await other.act(id, { type: 'CANCEL', by: 'bob', reason: null, force: false }, undefined);
    const endMs = clock.nowMs() + LIMIT_MS;
    while (fleet.driven > 0 && clock.nowMs() < endMs) await clock.pass(10);
    expect(fleet.driven).toBe(0);
  });

  it('tells the new owner of what was committed while its shard was handed on', async () => {
    const id = await create({ instances: 4 });
    const held = leases.heldNow();
    const asked = [held, []];
    const handedOn = { heldNow: () => asked.shift() ?? [] } as unknown as MemoryShardLeases;
    const nobody = { committed: () => undefined, decided: () => undefined };
    await fleet.stop();
    const before = new UpgradeRunner(store, handedOn, clock, nobody);
    await before.act(id, { type: 'CANCEL', by: 'bob', reason: null, force: false }, undefined);
    const due = await database.dueTimers(
      held.map(({ shard }) => shard),
      clock.nowMs(),
      10,
    );
    const wakes = due.filter(({ kind }) => kind === 'WAKE');
    expect(wakes).toMatchObject([{ subject: id }]);
  });
});
