import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { TransientDatabaseError, type Lease } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { aStoredExecution } from './persistence/execution.contract.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from './persistence/execution.memory.store.js';
import type { ExecutionStore } from './persistence/execution.store.js';
import { ImpossibleReportError } from './upgrade-asked.runner.js';
import { UpgradeRunner } from './upgrade.runner.js';

const QUIET = { committed: () => undefined, decided: () => undefined };
const EVERY_SHARD = Array.from({ length: SHARDS }, (_, shard) => shard);
const START = { type: 'START', by: 'ann', reason: null, force: false } as const;
const DUE = { type: 'DEADLINE_PASSED' } as const;
const ASKED = { handOver: 1, kind: 'PRE' } as const;

function idIn(shard: number): string {
  let id = randomUUID();
  while (shardOf(id, SHARDS) !== shard) id = randomUUID();
  return id;
}

/** A runner whose replica holds what `heldNow` says; left out: what its leases say. */
function aReplica(heldNow?: (leases: ShardLeases) => Lease[]) {
  const clock = new SteppedClock();
  const nowMs = (): number => clock.nowMs();
  const database = new MemoryServiceDatabase({ nowMs, tables: EXECUTION_TABLES });
  const leases = new MemoryShardLeases(database, nowMs);
  const believed = heldNow && ({ heldNow: () => heldNow(leases) } as ShardLeases);
  const store = new MemoryExecutionStore(database);
  const runner = new UpgradeRunner(store, believed ?? leases, clock, QUIET);
  const create = async (id: string = randomUUID()): Promise<string> => {
    const { execution, ...brief } = aStoredExecution();
    const { tenantId, kind, plan } = execution;
    const asked = {
      id,
      tenantId,
      componentId: randomUUID(),
      kind,
      revertOf: null,
      plan,
      by: 'ann',
    };
    await runner.create({ ...asked, ...brief });
    return id;
  };
  const timersOf = async (id: string): Promise<string[]> => {
    const timers = await database.dueTimers(EVERY_SHARD, Number.MAX_SAFE_INTEGER, 100);
    return timers.filter(({ subject }) => subject === id).map(({ kind }) => kind);
  };
  return { runner, leases, database, create, timersOf };
}

describe('a timer', () => {
  it('reminds of what is created and not started', async () => {
    const { create, timersOf } = aReplica();
    expect(await timersOf(await create())).toEqual(['REMINDER']);
  });

  it('that changes nothing rings once', async () => {
    const { runner, database, create, timersOf } = aReplica();
    const id = await create();
    await runner.act(id, { ...START, type: 'CANCEL' }, undefined);
    const timer = { shard: shardOf(id, SHARDS), subject: id, kind: 'BATCH_DELAY', atMs: 0 };
    await database.transaction((tx) => tx.arm([timer]));
    const answer = await runner.report({ executionId: id, input: { type: 'BATCH_DELAY_OVER' } });
    expect(answer.kind).toBe('ABSORBED');
    expect(await timersOf(id)).not.toContain('BATCH_DELAY');
  });

  it('that rings too early is armed again by what is decided', async () => {
    const { runner, create, timersOf } = aReplica();
    const id = await create();
    await runner.act(id, START, undefined);
    expect(await timersOf(id)).toContain('DEADLINE');
    await runner.report({ executionId: id, input: DUE });
    expect(await timersOf(id)).toContain('DEADLINE');
  });

  it('wakes the owner where that is another replica, and nobody where it is this one', async () => {
    const { runner, leases, create, timersOf } = aReplica();
    const [foreign, own] = [await create(), await create()];
    await runner.act(foreign, START, undefined);
    expect(await timersOf(foreign)).toContain('WAKE');
    await leases.renew();
    await runner.act(own, START, undefined);
    expect(await timersOf(own)).not.toContain('WAKE');
  });

  it('wakes whoever took the shard over while it was being committed', async () => {
    let isHeld = true;
    const { runner, leases, create, timersOf } = aReplica((real) => {
      const held = isHeld ? real.heldNow() : [];
      isHeld = false;
      return held;
    });
    await leases.renew();
    const id = await create();
    await runner.act(id, START, undefined);
    expect(await timersOf(id)).toContain('WAKE');
  });
});

describe('a report under a lease', () => {
  it('that is lost is stale, and the one beside it is committed', async () => {
    const { runner, leases, create } = aReplica();
    await leases.renew();
    const [one, other] = [await create(idIn(1)), await create(idIn(2))];
    for (const id of [one, other]) await runner.act(id, START, undefined);
    const leaseOf = (id: string): Lease => {
      const lease = leases.heldNow().find(({ shard }) => shard === shardOf(id, SHARDS));
      if (lease === undefined) throw new Error('it holds every shard');
      return lease;
    };
    const lost = { ...leaseOf(other), epoch: leaseOf(other).epoch + 1 };
    const answers = await Promise.all([
      runner.report({ executionId: one, lease: leaseOf(one), input: DUE }),
      runner.report({ executionId: other, lease: lost, input: DUE }),
    ]);
    expect(answers.map(({ kind }) => kind)).toEqual(['COMMITTED', 'STALE']);
  });
});

it('a database that is away is asked once for all reports of a commit', async () => {
  let asked = 0;
  const away = (): Promise<never> => {
    asked += 1;
    return Promise.reject(new TransientDatabaseError('away'));
  };
  const leases = { heldNow: () => [] } as unknown as ShardLeases;
  const store = { transaction: away } as unknown as ExecutionStore;
  const runner = new UpgradeRunner(store, leases, new SteppedClock(), QUIET);
  const reports = ['e-1', 'e-2', 'e-3'].map((executionId) =>
    runner.report({ executionId, input: DUE }),
  );
  const said = await Promise.allSettled(reports);
  expect(said.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(asked).toBe(1);
});

it('an answer that cannot belong to an execution takes back all that came with it', async () => {
  const { runner, create, timersOf } = aReplica();
  const id = await create();
  const absorbed = runner.absorb([
    { executionId: id, inboxKey: 'a', input: START },
    { executionId: randomUUID(), inboxKey: 'b', input: { type: 'CHECKS_PROGRESSED', ...ASKED } },
  ]);
  await expect(absorbed).rejects.toThrow(ImpossibleReportError);
  expect(await timersOf(id)).not.toContain('DEADLINE');
});

it('what may have been committed although its answer was lost is told to whoever drives it', async () => {
  const doubted: string[][] = [];
  const events = { ...QUIET, doubted: (ids: readonly string[]) => doubted.push([...ids]) };
  const leases = { heldNow: () => [] } as unknown as ShardLeases;
  const told = async (outcome: 'unknown' | undefined): Promise<void> => {
    const error = new TransientDatabaseError('the line is lost', outcome && { outcome });
    const store = { transaction: () => Promise.reject(error) } as unknown as ExecutionStore;
    const runner = new UpgradeRunner(store, leases, new SteppedClock(), events);
    await expect(runner.act('e-1', START, undefined)).rejects.toThrow('the line is lost');
  };
  await told('unknown');
  expect(doubted).toEqual([['e-1']]);
  await told(undefined);
  expect(doubted).toHaveLength(1);
});
