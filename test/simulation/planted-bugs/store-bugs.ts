/** Bugs behind the store of executions: locks, guards, books, and whose rows are whose. */
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { isTerminal, type Execution, type InstanceStatus } from '#core/execution/execution.js';
import type { CanarySample } from '#core/canary/canary-samples.js';
import type { InstancesMoved } from '#core/execution/execution-facts.js';
import { MemoryExecutionStore } from '../../../apps/orchestrator/src/persistence/execution.memory.store.js';
import type {
  ExecutionChange,
  ExecutionTx,
  RecordedAction,
  StoredExecution,
} from '../../../apps/orchestrator/src/persistence/execution.store.js';
import { altered } from './altered.js';
import type { PlantedBug } from './planted-bug.js';

const WATCHED_LONG = { strategy: 'CANARY', canaryDurationSeconds: 900 } as const;

export const STORE_BUGS: readonly PlantedBug[] = [
  {
    name: 'no-version-guard',
    what: 'writes over whatever is there: no row lock, and no look at the revision',
    caughtBy: ['I2', 'I3', 'I6'],
    seedsMax: 30,
    // Two have to decide at once.
    shownBy: { faults: { bias: 1, blowEveryMs: 1_500 } },
    plant: () => ({
      store: (database) =>
        new AlteredStore(database, (tx, store) => ({
          lock: (ids) => unlocked(store, ids),
          save: async (changes) => tx.save(await asTheyStand(tx, changes)),
        })),
    }),
  },
  {
    name: 'pause-lets-one-more-start',
    what: 'takes one more instance when it is paused',
    caughtBy: ['I10'],
    seedsMax: 30,
    shownBy: { faults: { bias: 1, blowEveryMs: 1_500 } },
    plant: () => ({
      store: (database) =>
        new AlteredStore(database, (tx) => ({
          save: (changes) => tx.save(changes.map(withOneMore)),
        })),
    }),
  },
  {
    name: 'end-that-is-reopened',
    what: 'decides what comes late by how the execution stood before it ended',
    caughtBy: ['I6'],
    seedsMax: 40,
    shownBy: { faults: { bias: 1, blowEveryMs: 1_500 } },
    plant: () => {
      const beforeTheEnd = new Map<string, Execution>();
      return { store: (database) => reopening(database, beforeTheEnd) };
    },
  },
  {
    name: 'counters-that-drift',
    what: 'counts what failed, or was rolled back, as completed',
    caughtBy: ['I6'],
    seedsMax: 20,
    plant: () => ({
      store: (database) =>
        new AlteredStore(database, (tx) => ({ save: (changes) => tx.save(changes.map(drifted)) })),
    }),
  },
  {
    name: 'action-recorded-apart',
    what: 'records who did what after the commit, in a transaction that may never come',
    caughtBy: ['I13'],
    seedsMax: 40,
    plant: () => ({ store: (database) => new RecordingApartStore(database) }),
  },
  {
    name: 'samples-without-end',
    what: 'keeps every sample of a watch over canaries, not the latest',
    caughtBy: ['I12'],
    seedsMax: 20,
    // More samples than are kept, and nothing that ends the watch before.
    shownBy: { upgrade: { faults: [], metrics: {}, canaryMetrics: [], plan: WATCHED_LONG } },
    plant: () => {
      const kept = new Map<string, Map<number, CanarySample>>();
      return {
        store: (database) =>
          new AlteredStore(database, (tx) => ({
            save: (changes) => tx.save(changes.map((change) => withAllSamples(change, kept))),
          })),
      };
    },
  },
  {
    name: 'brief-of-another-tenant',
    what: 'keeps what never changes of an execution by its component, whoever the tenant is',
    caughtBy: ['I14'],
    seedsMax: 20,
    plant: () => {
      const kept = new Map<string, StoredExecution>();
      return { store: (database) => new BriefsByComponentStore(database, kept) };
    },
  },
];

type Methods = Partial<ExecutionTx>;

/** The honest store with some methods of its transactions replaced. */
class AlteredStore extends MemoryExecutionStore {
  constructor(
    database: MemoryServiceDatabase,
    private readonly methodsOf: (tx: ExecutionTx, store: MemoryExecutionStore) => Methods,
  ) {
    super(database);
  }

  override transaction<T>(work: (tx: ExecutionTx) => Promise<T>): Promise<T> {
    return super.transaction((tx) => work(altered(tx, this.methodsOf(tx, this))));
  }
}

async function unlocked(
  store: MemoryExecutionStore,
  ids: readonly string[],
): Promise<Map<string, StoredExecution>> {
  const found = await Promise.all(ids.map((id) => store.get(id)));
  return new Map(found.flatMap((one) => (one === null ? [] : [[one.execution.id, one]])));
}

/** As if what is there now were what was decided by: an update without a condition. */
async function asTheyStand(
  tx: ExecutionTx,
  changes: readonly ExecutionChange[],
): Promise<ExecutionChange[]> {
  const ids = changes.map(({ next }) => next.id);
  const now = await tx.lock(ids, 'wait');
  return changes.map((change) => {
    const { revision } = now.get(change.next.id)?.execution ?? change.before;
    return { ...change, before: { ...change.before, revision } };
  });
}

function withOneMore(change: ExecutionChange): ExecutionChange {
  const { next, facts } = change;
  const pause = facts.find((fact) => fact.type === 'STATUS_CHANGED' && fact.to === 'PAUSED');
  if (pause === undefined || next.counters.PENDING === 0 || next.newSet !== null) return change;
  const sequence = next.sequence + 1;
  const { PENDING, DRAINING } = next.counters;
  const counters = { ...next.counters, PENDING: PENDING - 1, DRAINING: DRAINING + 1 };
  const begun: InstancesMoved = {
    ...{ type: 'INSTANCES_MOVED', from: 'PENDING', to: 'DRAINING', fromAttempt: null, attempt: 1 },
    ...{ count: 1, select: { by: 'NEXT', count: 1, start: 0 }, failure: null },
    ...{ closedConnections: 0, sequence, revision: next.revision, atMs: pause.atMs },
    ...{ executionStatus: 'PAUSED', why: 'one more', before: pause.before },
  };
  return { ...change, next: { ...next, sequence, counters }, facts: [...facts, begun] };
}

/** @param kept samples of each execution, by their numbers */
function withAllSamples(
  change: ExecutionChange,
  kept: Map<string, Map<number, CanarySample>>,
): ExecutionChange {
  const { next } = change;
  if (next.canary === null) return change;
  const all = kept.get(next.id) ?? new Map<number, CanarySample>();
  kept.set(next.id, all);
  for (const sample of next.canary.samples) all.set(sample.number, sample);
  const samples = [...all.values()].sort((a, b) => a.number - b.number);
  return { ...change, next: { ...next, canary: { ...next.canary, samples } } };
}

function reopening(
  database: MemoryServiceDatabase,
  beforeTheEnd: Map<string, Execution>,
): MemoryExecutionStore {
  return new AlteredStore(database, (tx) => ({
    save: (changes) => {
      for (const { before, next } of changes) {
        if (isTerminal(next.status) && !isTerminal(before.status)) {
          beforeTheEnd.set(next.id, before);
        }
      }
      return tx.save(changes);
    },
    lock: async (ids, mode) => {
      const locked = await tx.lock(ids, mode);
      for (const [id, { execution, ...brief }] of locked) {
        const open = beforeTheEnd.get(id);
        if (open === undefined || !isTerminal(execution.status)) continue;
        const { revision, sequence, handOver } = execution;
        locked.set(id, { ...brief, execution: { ...open, revision, sequence, handOver } });
      }
      return locked;
    },
  }));
}

function drifted(change: ExecutionChange): ExecutionChange {
  const { next, facts } = change;
  const counters: Record<InstanceStatus, number> = { ...next.counters };
  for (const fact of facts) {
    if (fact.type !== 'INSTANCES_MOVED') continue;
    const { to, count } = fact;
    if ((to !== 'FAILED' && to !== 'ROLLED_BACK') || counters[to] < count) continue;
    counters[to] -= count;
    counters.COMPLETED += count;
  }
  return { ...change, next: { ...next, counters } };
}

class RecordingApartStore extends MemoryExecutionStore {
  override async transaction<T>(work: (tx: ExecutionTx) => Promise<T>): Promise<T> {
    const recorded: RecordedAction[] = [];
    const recordAction = (action: RecordedAction): Promise<void> =>
      Promise.resolve(void recorded.push(action));
    const result = await super.transaction((tx) => work(altered(tx, { recordAction })));
    if (recorded.length === 0) return result;
    const apart = super.transaction((tx) => Promise.all(recorded.map((it) => tx.recordAction(it))));
    await apart.catch(() => undefined);
    return result;
  }
}

class BriefsByComponentStore extends MemoryExecutionStore {
  constructor(
    database: MemoryServiceDatabase,
    private readonly kept: Map<string, StoredExecution>,
  ) {
    super(database);
  }

  override async get(id: string): Promise<StoredExecution | null> {
    const stored = await super.get(id);
    return stored && this.#briefed(stored);
  }

  override transaction<T>(work: (tx: ExecutionTx) => Promise<T>): Promise<T> {
    return super.transaction((tx) => {
      const lock: ExecutionTx['lock'] = async (ids, mode) => {
        const locked = await tx.lock(ids, mode);
        return new Map([...locked].map(([id, stored]) => [id, this.#briefed(stored)]));
      };
      return work(altered(tx, { lock }));
    });
  }

  #briefed(stored: StoredExecution): StoredExecution {
    const { execution } = stored;
    const first = this.kept.get(execution.componentId) ?? stored;
    this.kept.set(execution.componentId, first);
    return { ...first, execution };
  }
}
