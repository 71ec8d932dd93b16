import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decide } from '#core/execution/decide.js';
import { INSTANCE_STATUSES, type Execution } from '#core/execution/execution.js';
import type { Action, Report } from '#core/execution/execution-inputs.js';
import type { Fact } from '#core/execution/execution-facts.js';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { T0 } from '#testing/an-execution.js';
import { action, settled } from '#testing/inputs.js';
import { SITUATIONS, type Situation } from '#testing/situations.js';
import { UpgradeRunner } from '../upgrade.runner.js';
import { aStoredExecution } from './execution.contract.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from './execution.memory.store.js';
import type { RecordedAction, StoredInstance } from './execution.store.js';

type Asked = Action | Report;
type Pair = readonly [Asked, Asked];

/** Far more than two transactions of some ten operations have orders, once one waits for a lock. */
const ORDERS = 60;
const QUIET = { committed: () => undefined, decided: () => undefined };

const isAction = (asked: Asked): asked is Action => 'by' in asked;
const upTo = (first: number, last: number): number[] =>
  Array.from({ length: last - first }, (_, at) => first + at + 1);

/** An execution whose every operation on the database waits for the scheduler's word. */
class Raced {
  readonly #clock = new SteppedClock(T0);
  readonly #database = new MemoryServiceDatabase({ nowMs: () => T0, tables: EXECUTION_TABLES });
  readonly #leases = new MemoryShardLeases(this.#database.viewFor('engine'), () => T0);

  constructor(
    readonly execution: Execution,
    private readonly scheduler: fc.Scheduler,
  ) {}

  async stored(): Promise<this> {
    const { id } = this.execution;
    await this.#leases.renew();
    await this.#database.transaction(async (tx) => {
      await tx.table('executions').put(id, { ...aStoredExecution(), execution: this.execution });
      await tx.table('instances').put(id, rowsOf(this.execution));
    });
    return this;
  }

  /** What became of both: done, or how it was refused. */
  async atOnce(pair: Pair): Promise<string[]> {
    const ends = Promise.all(
      pair.map((asked) => this.#ask(asked).catch((error: unknown) => (error as Error).name)),
    );
    await this.scheduler.waitFor(ends);
    return ends;
  }

  async #ask(asked: Asked): Promise<string> {
    const owner = isAction(asked) ? asked.by : 'engine';
    const view = this.#database.viewFor(owner, (name) =>
      this.scheduler.schedule(Promise.resolve(), `${owner}: ${name}`),
    );
    const store = new MemoryExecutionStore(view);
    const runner = new UpgradeRunner(store, this.#leases, this.#clock, QUIET);
    const { id: executionId } = this.execution;
    if (isAction(asked)) {
      await runner.act(executionId, asked, undefined);
      return 'done';
    }
    const lease = this.#leases
      .heldNow()
      .find(({ shard }) => shard === shardOf(executionId, SHARDS));
    for (;;) {
      const answer = await runner.report({ executionId, input: asked, ...(lease && { lease }) });
      // Somebody else holds the row: the engine asks again.
      if (answer.kind !== 'BUSY') return answer.kind === 'COMMITTED' ? 'done' : answer.kind;
    }
  }

  after(): Execution {
    return this.#rows<{ execution: Execution }>('executions')[0]!.execution;
  }

  facts(): Fact[] {
    return this.#rows<{ fact: Fact }>('facts').map(({ fact }) => fact);
  }

  actors(): string[] {
    return this.#rows<RecordedAction>('actions').map(({ by }) => by);
  }

  /** Which facts the outbox says are to be told, in its order; commands stand beside them. */
  async pointedAt(): Promise<number[]> {
    const rows = await this.#database.takeOutbox([...Array(SHARDS).keys()], 1_000);
    return rows.flatMap(({ pointer }) => (pointer === null ? [] : [pointer.position]));
  }

  #rows<Row>(table: string): Row[] {
    return [...this.#database.store.table(table).rows.values()] as Row[];
  }
}

function rowsOf({ counters }: Execution): StoredInstance[] {
  const all = INSTANCE_STATUSES.flatMap((status) =>
    Array<typeof status>(counters[status]).fill(status),
  );
  return all.map((status, index) => {
    const instance = { index, instanceId: `i-${String(index)}`, fromVersion: '1.0.0' };
    return { ...instance, status, attempt: 1, failure: null, movedAtMs: T0 };
  });
}

const executionIn = (situation: Situation): Execution => SITUATIONS[situation][0].build();

/** The one instance that is being upgraded there is. */
const upgraded = (situation: Situation): Report => {
  const rows = rowsOf(executionIn(situation));
  return settled('UPGRADING', [rows.findIndex(({ status }) => status === 'UPGRADING')]);
};

function inTurn(execution: Execution, all: readonly Asked[]): Execution {
  return all.reduce((next, asked) => {
    const decision = decide(next, asked, T0);
    return decision.kind === 'DECIDED' ? decision.next : next;
  }, execution);
}

/** Whatever the order of their operations, two inputs come to what one after the other comes to. */
async function race(situation: Situation, pair: Pair, check: (done: number) => void) {
  const race = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
    const raced = await new Raced(executionIn(situation), scheduler).stored();
    const before = raced.execution;
    const ends = await raced.atOnce(pair);
    const after = raced.after();
    const either = [inTurn(before, pair), inTurn(before, [pair[1], pair[0]])];
    expect(either).toContainEqual(after);

    const sequences = raced.facts().map(({ sequence }) => sequence);
    expect(sequences).toEqual(upTo(before.sequence, after.sequence));
    expect(await raced.pointedAt()).toEqual(sequences);
    const revisions = new Set(raced.facts().map(({ revision }) => revision));
    expect([...revisions]).toEqual(upTo(before.revision, after.revision));

    const done = pair.filter((_, at) => ends[at] === 'done');
    expect(raced.actors().sort()).toEqual(
      done
        .filter(isAction)
        .map(({ by }) => by)
        .sort(),
    );
    expect(ends.every((end) => ['done', 'Refusal', 'ABSORBED'].includes(end))).toBe(true);
    check(done.length);
  });
  await fc.assert(race, { numRuns: ORDERS, seed: 47 });
}

const by = (first: Action['type'], second: Action['type']): Pair => [
  action(first, { by: 'olga' }),
  action(second, { by: 'omar' }),
];

describe('in any order of their operations', () => {
  test.each([
    ['PENDING', 'START', 'START'],
    ['IN_PROGRESS', 'PAUSE', 'PAUSE'],
    ['IN_PROGRESS', 'ROLLBACK', 'ROLLBACK'],
    ['PAUSED', 'RESUME', 'RESUME'],
    ['PAUSED_FOR_APPROVAL', 'APPROVE', 'APPROVE'],
    ['PAUSED_FOR_APPROVAL', 'CANCEL', 'ROLLBACK'],
    ['CANARY_MONITORING', 'PROMOTE_CANARY', 'PROMOTE_CANARY'],
  ] as const)('%s: of %s and %s exactly one wins', async (situation, first, second) => {
    await race(situation, by(first, second), (done) => {
      expect(done).toBe(1);
    });
  });

  test.each([
    ['IN_PROGRESS', 'PAUSE', 'CANCEL'],
    ['CANARY_MONITORING', 'PROMOTE_CANARY', 'ROLLBACK'],
    ['PAUSED', 'RESUME', 'CANCEL'],
  ] as const)('%s: %s and %s leave no gap', async (situation, first, second) => {
    await race(situation, by(first, second), (done) => {
      expect(done).toBeGreaterThan(0);
    });
  });

  test.each([
    ['IN_PROGRESS', 'PAUSE', 2],
    ['IN_PROGRESS', 'CANCEL', 2],
    // Who is handed the instances finds out for himself: a report that comes later is absorbed.
    ['IN_PROGRESS', 'ROLLBACK', 1],
    ['PAUSED', 'RESUME', 2],
  ] as const)('%s: %s and a report are taken in', async (situation, asked, atLeast) => {
    await race(situation, [action(asked, { by: 'olga' }), upgraded(situation)], (done) => {
      expect(done).toBeGreaterThanOrEqual(atLeast);
    });
  });
});
