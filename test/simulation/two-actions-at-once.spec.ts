import { describe, expect, it } from '@jest/globals';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { T0 } from '#testing/an-execution.js';
import { action } from '#testing/inputs.js';
import { SITUATION_NAMES, SITUATIONS, type Situation } from '#testing/situations.js';
import { VirtualClock } from '#testing/virtual-clock.js';
import { decide } from '#core/execution/decide.js';
import { INSTANCE_STATUSES, type Execution } from '#core/execution/execution.js';
import { ACTION_TYPES, type Action } from '#core/execution/execution-inputs.js';
import {
  EXECUTION_TABLES,
  MemoryExecutionStore,
} from '../../apps/orchestrator/src/persistence/execution.memory.store.js';
import type { RecordedAction } from '../../apps/orchestrator/src/persistence/execution.store.js';
import { UpgradeRunner } from '../../apps/orchestrator/src/upgrade.runner.js';
import { anUpgrade } from './upgrades.js';

const ACTIONS: readonly Action[] = [
  ...ACTION_TYPES.map((type) => action(type, { by: 'olga' })),
  action('CANCEL', { by: 'omar', force: true }),
  action('PROMOTE_CANARY', { by: 'omar', force: true, reason: 'the probe was wrong' }),
];
const PAIRS = ACTIONS.flatMap((first) => ACTIONS.map((second) => [first, second] as const));
type Pair = (typeof PAIRS)[number];

/** How it stands after both, and which of them changed anything. */
interface History {
  readonly execution: Execution;
  readonly done: readonly string[];
}

const nameOf = ({ type, by }: Pick<Action, 'type' | 'by'>): string => `${type} by ${by}`;

/** What comes of it when one is decided after the other. */
function inTurn(execution: Execution, actions: readonly Action[]): History {
  let next = execution;
  const done: string[] = [];
  for (const one of actions) {
    const decision = decide(next, one, T0);
    if (decision.kind !== 'DECIDED') continue;
    next = decision.next;
    done.push(nameOf(one));
  }
  return { execution: next, done: done.sort() };
}

/** One database, two replicas of the orchestrator, and nobody who drives the execution. */
class TwoReplicas {
  readonly #clock = new VirtualClock(T0);
  readonly #database = new MemoryServiceDatabase({
    nowMs: () => this.#clock.nowMs(),
    tables: EXECUTION_TABLES,
  });

  constructor(private readonly execution: Execution) {}

  /** @param io awaited before each operation on the database */
  runner(owner: string, io?: () => Promise<void>): UpgradeRunner {
    const view = this.#database.viewFor(owner, io);
    const leases = new MemoryShardLeases(view, () => this.#clock.nowMs());
    const quiet = { committed: () => undefined, decided: () => undefined };
    return new UpgradeRunner(new MemoryExecutionStore(view), leases, this.#clock, quiet);
  }

  async stored(): Promise<this> {
    const { execution } = this;
    const { snapshot, compatibility, request } = anUpgrade().create;
    const asked = { skipChecks: [], installedComponents: {}, requires: {}, smokeTests: [] };
    const brief = { snapshot, compatibility, request, ...asked, canaryMetrics: [] };
    await this.#database.transaction(async (tx) => {
      await tx.table('executions').put(execution.id, { ...brief, execution });
      await tx.table('instances').put(execution.id, rowsOf(execution));
    });
    return this;
  }

  async history(): Promise<History> {
    const { store } = this.#database;
    const { execution } = store.table('executions').rows.get(this.execution.id) as History;
    const done = [...store.table('actions').rows.values()] as RecordedAction[];
    return {
      execution,
      done: done.map(({ action: type, by }) => nameOf({ type: type as Action['type'], by })).sort(),
    };
  }

  /** Sequences of the facts that were written, in order. */
  told(): number[] {
    const rows = [...this.#database.store.table('facts').rows.values()];
    return rows.map((row) => (row as { fact: { sequence: number } }).fact.sequence);
  }
}

function rowsOf({ counters }: Execution) {
  const statuses = INSTANCE_STATUSES.filter((status) => status !== 'PENDING');
  const inOrder = [...statuses, 'PENDING' as const];
  const all = inOrder.flatMap((status) => Array<typeof status>(counters[status]).fill(status));
  return all.map((status, index) => {
    const instance = { index, instanceId: `i-${String(index)}`, fromVersion: '1.0.0' };
    return { ...instance, status, attempt: 1, failure: null, movedAtMs: T0 };
  });
}

/** So many turns of the event loop pass before each operation on the database. */
const slowBy = (turns: number) => async (): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
};

async function atOnce(execution: Execution, [first, second]: Pair, lag: number): Promise<History> {
  const replicas = await new TwoReplicas(execution).stored();
  const { id } = execution;
  const quick = replicas.runner('orchestrator-1').act(id, first, undefined);
  const late = replicas.runner('orchestrator-2', slowBy(lag)).act(id, second, undefined);
  const answers = await Promise.allSettled([quick, late]);
  const history = await replicas.history();
  // Each is told the truth: what is recorded was accepted, and what was refused is a Refusal.
  for (const answer of answers) {
    if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ name: 'Refusal' });
  }
  const accepted = answers.filter(({ status }) => status === 'fulfilled').length;
  expect(history.done.length).toBeLessThanOrEqual(accepted);
  expect(isWithoutGap(replicas.told(), execution, history.execution)).toBe(true);
  return history;
}

/** Facts begin behind what was told before, and no two of them are one. */
function isWithoutGap(told: readonly number[], before: Execution, after: Execution): boolean {
  const ascending = told.every((sequence, at) => at === 0 || sequence > (told[at - 1] ?? 0));
  const inside = told.every((it) => it > before.sequence && it <= after.sequence);
  return ascending && inside && (told[0] ?? before.sequence + 1) === before.sequence + 1;
}

async function together(execution: Execution, pair: Pair): Promise<History> {
  const replicas = await new TwoReplicas(execution).stored();
  const asked = pair.map((input) => ({ executionId: execution.id, input }));
  await replicas.runner('orchestrator-1').absorb(asked);
  return replicas.history();
}

const executionIn = (situation: Situation): Execution => SITUATIONS[situation][0].build();

describe.each(SITUATION_NAMES)('two actions at once while it is %s', (situation) => {
  it('come to what one after the other would have come to', async () => {
    const execution = executionIn(situation);
    for (const [first, second] of PAIRS) {
      const either = [inTurn(execution, [first, second]), inTurn(execution, [second, first])];
      for (const lag of [0, 3]) {
        const history = await atOnce(execution, [first, second], lag);
        expect(either).toContainEqual(history);
      }
    }
  });

  it('in one transaction: who stops comes before who waits, who before who goes on', async () => {
    const execution = executionIn(situation);
    for (const pair of PAIRS) {
      expect(await together(execution, pair)).toEqual(inTurn(execution, inOrder(pair)));
    }
  });
});

/** As spec §3 has it, written down a second time. */
const ORDER = ['CANCEL ROLLBACK', 'PAUSE', 'PROMOTE_CANARY', 'START RESUME APPROVE REVERT'];

function inOrder(pair: Pair): Action[] {
  const rank = ({ type }: Action): number => ORDER.findIndex((types) => types.includes(type));
  return [...pair].sort((a, b) => rank(a) - rank(b));
}

/** Whatever their order, one of these wins and the other is refused. */
const EXCLUDE: readonly (readonly [Situation, Action['type'], Action['type']])[] = [
  ['PENDING', 'START', 'START'],
  ['IN_PROGRESS', 'PAUSE', 'PAUSE'],
  ['IN_PROGRESS', 'ROLLBACK', 'ROLLBACK'],
  ['PAUSED', 'RESUME', 'RESUME'],
  ['PAUSED_FOR_APPROVAL', 'APPROVE', 'APPROVE'],
  ['PAUSED_FOR_APPROVAL', 'CANCEL', 'ROLLBACK'],
  ['CANARY_MONITORING', 'PROMOTE_CANARY', 'PROMOTE_CANARY'],
  ['VALIDATING', 'CANCEL', 'CANCEL'],
];

it.each(EXCLUDE)('%s: of %s and %s exactly one wins', async (situation, first, second) => {
  const execution = executionIn(situation);
  const pair = [action(first, { by: 'olga' }), action(second, { by: 'omar' })] as const;
  for (const [one, other] of [pair, [pair[1], pair[0]] as const]) {
    for (const lag of [0, 3]) {
      const { done } = await atOnce(execution, [one, other], lag);
      expect(done).toHaveLength(1);
    }
  }
});
