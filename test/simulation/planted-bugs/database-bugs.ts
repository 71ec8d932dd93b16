/** Bugs behind the database: outbox, inbox, timers, and the check of who owns a shard. */
import type { MessageProducer } from '#messaging/message-bus.js';
import type { MemoryServiceDatabase, MemoryTx } from '#postgres/memory-service-database.js';
import type {
  OutboxRow,
  OutgoingMessage,
  OutgoingPointer,
  Timer,
} from '#postgres/service-database.js';
import { progressOf } from '../../../apps/orchestrator/src/progress.runner.js';
import { MemoryExecutionStore } from '../../../apps/orchestrator/src/persistence/execution.memory.store.js';
import type { ExecutionTx } from '../../../apps/orchestrator/src/persistence/execution.store.js';
import { altered, alteredTransactions } from './altered.js';
import type { PlantedBug } from './planted-bug.js';

export const DATABASE_BUGS: readonly PlantedBug[] = [
  {
    name: 'dual-write',
    what: 'publishes after the commit what should have stood in the outbox',
    caughtBy: ['I2', 'I3'],
    seedsMax: 10,
    plant: () => ({
      database: (view, { service }, producer) =>
        service === 'orchestrator' ? dualWriting(view, producer) : view,
    }),
  },
  {
    name: 'outbox-apart',
    what: 'writes the outbox in a transaction of its own, which may never come',
    caughtBy: ['I2', 'I3'],
    seedsMax: 20,
    plant: () => ({ database: (view) => outboxApart(view) }),
  },
  {
    name: 'relay-that-skips',
    what: 'remembers how far it read the outbox instead of what it sent',
    caughtBy: ['I2', 'I3'],
    seedsMax: 20,
    plant: () => ({
      database: (view, { service }) => (service === 'orchestrator' ? skipping(view) : view),
    }),
  },
  {
    name: 'relay-that-reorders',
    what: 'sends the newest row of the outbox first',
    caughtBy: ['I3'],
    seedsMax: 10,
    plant: () => ({ database: (view) => reordering(view) }),
  },
  {
    name: 'forgetful-inbox',
    what: 'takes every message for a new one',
    caughtBy: ['I2'],
    seedsMax: 20,
    plant: () => ({
      database: (view) =>
        alteredTransactions(view, () => ({ admit: (keys) => Promise.resolve(new Set(keys)) })),
    }),
  },
  {
    name: 'epoch-not-checked',
    what: 'lets a stale owner of a shard write',
    caughtBy: ['I11'],
    seedsMax: 40,
    plant: () => ({
      database: (view) => alteredTransactions(view, () => ({ holdLeases: () => DONE })),
    }),
  },
  {
    name: 'no-index-of-the-active',
    what: 'has no unique index of the active execution of a tenant and a component',
    caughtBy: ['I5'],
    seedsMax: 20,
    // Somebody has to ask for two at once, which is done when one has ended.
    shownBy: { faults: { blowEveryMs: 1_500 } },
    plant: () => ({ tables: ({ executions: _, ...others }) => others }),
  },
  {
    name: 'lock-not-taken',
    what: 'reads the row that it decides by, and does not lock it',
    caughtBy: ['I10'],
    seedsMax: 40,
    // Two have to decide at once.
    shownBy: { faults: { bias: 1, blowEveryMs: 1_500 } },
    plant: () => ({
      database: (view) =>
        alteredTransactions(view, (tx) => ({
          lockRow: async (table, key) => (await tx.table(table).get(key)) !== undefined,
        })),
    }),
  },
  {
    name: 'timer-that-fires-twice',
    what: 'fires a delay as soon as it is armed and once more when it is over, believed both times',
    caughtBy: ['I6'],
    seedsMax: 30,
    plant: () => {
      const early = new Map<string, Timer>();
      const over = new Set<string>();
      return {
        database: (view) => firingTwice(view, early, over),
        store: (database) => new CredulousStore(database, over),
      };
    },
  },
  {
    name: 'timer-that-never-fires',
    what: 'arms timers and never looks whether one is due: what waits for one waits for ever',
    caughtBy: ['I15'],
    seedsMax: 5,
    plant: () => ({
      database: (view) => altered(view, { dueTimers: () => Promise.resolve([]) }),
    }),
  },
];

const DONE = Promise.resolve();

/** A crash between the commit and the publish loses what was to be told. */
function dualWriting(view: MemoryServiceDatabase, producer: MessageProducer) {
  const expand = progressOf(new MemoryExecutionStore(view));
  return altered(view, {
    transaction: async <T>(work: (tx: MemoryTx) => Promise<T>): Promise<T> => {
      const { messages, pointers, result } = await withoutOutbox(view, work);
      const events = (await expand(pointers)).flat();
      void producer.publish([...messages, ...events]).catch(() => undefined);
      return result;
    },
  });
}

function outboxApart(view: MemoryServiceDatabase): MemoryServiceDatabase {
  return altered(view, {
    transaction: async <T>(work: (tx: MemoryTx) => Promise<T>): Promise<T> => {
      const { messages, pointers, result } = await withoutOutbox(view, work);
      if (messages.length + pointers.length === 0) return result;
      const apart = view.transaction((tx) => Promise.all([tx.send(messages), tx.point(pointers)]));
      await apart.catch(() => undefined);
      return result;
    },
  });
}

/** Commits everything but the outbox, which is answered instead. */
async function withoutOutbox<T>(
  view: MemoryServiceDatabase,
  work: (tx: MemoryTx) => Promise<T>,
): Promise<{ messages: OutgoingMessage[]; pointers: OutgoingPointer[]; result: T }> {
  const messages: OutgoingMessage[] = [];
  const pointers: OutgoingPointer[] = [];
  const result = await view.transaction((tx) =>
    work(
      altered(tx, {
        send: (some) => Promise.resolve(void messages.push(...some)),
        point: (some) => Promise.resolve(void pointers.push(...some)),
      }),
    ),
  );
  return { messages, pointers, result };
}

/** What failed to be sent, or was committed late under a lower id, is never sent. */
function skipping(view: MemoryServiceDatabase): MemoryServiceDatabase {
  let last = 0;
  return altered(view, {
    takeOutbox: async (shards: readonly number[], limit: number): Promise<OutboxRow[]> => {
      const rows = await view.takeOutbox(shards, limit);
      const fresh = rows.filter(({ id }) => Number(id) > last);
      last = Math.max(last, ...fresh.map(({ id }) => Number(id)));
      return fresh;
    },
  });
}

function reordering(view: MemoryServiceDatabase): MemoryServiceDatabase {
  return altered(view, {
    takeOutbox: async (shards: readonly number[], limit: number): Promise<OutboxRow[]> => {
      return (await view.takeOutbox(shards, limit)).reverse();
    },
  });
}

/** @param over executions whose delay is taken for over, because its timer fired */
function firingTwice(
  view: MemoryServiceDatabase,
  early: Map<string, Timer>,
  over: Set<string>,
): MemoryServiceDatabase {
  const arming = alteredTransactions(view, (tx) => ({
    arm: (timers) => {
      const delays = timers.filter(({ kind }) => kind === 'BATCH_DELAY');
      for (const timer of delays) early.set(timer.subject, timer);
      return tx.arm(timers);
    },
  }));
  return altered(arming, {
    dueTimers: async (shards: readonly number[], nowMs: number, limit: number) => {
      const due = await view.dueTimers(shards, nowMs, limit);
      const tooSoon = [...early.values()].filter(({ shard }) => shards.includes(shard));
      for (const { subject } of tooSoon) {
        early.delete(subject);
        over.add(subject);
      }
      return [...due, ...tooSoon];
    },
  });
}

/** Believes a timer, and not the time that it was armed for. */
class CredulousStore extends MemoryExecutionStore {
  constructor(
    database: MemoryServiceDatabase,
    private readonly over: Set<string>,
  ) {
    super(database);
  }

  override transaction<T>(work: (tx: ExecutionTx) => Promise<T>): Promise<T> {
    return super.transaction((tx) => {
      const lock: ExecutionTx['lock'] = async (ids, mode) => {
        const locked = await tx.lock(ids, mode);
        for (const [id, stored] of locked) {
          const { execution } = stored;
          if (!('nextBatchAtMs' in execution) || execution.nextBatchAtMs === null) continue;
          if (!this.over.delete(id)) continue;
          locked.set(id, { ...stored, execution: { ...execution, nextBatchAtMs: 0 } });
        }
        return locked;
      };
      return work(altered(tx, { lock }));
    });
  }
}
