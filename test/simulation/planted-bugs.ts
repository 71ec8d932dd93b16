/**
 * Bugs planted behind the ports, one at a time. A simulation that does not find them is worth
 * nothing: each has to be caught within its seeds.
 */
import type { MessageProducer } from '#messaging/message-bus.js';
import type { MemoryTx } from '#postgres/memory-service-database.js';
import { type MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import type { OutboxRow, OutgoingMessage, OutgoingPointer } from '#postgres/service-database.js';
import {
  type Fence,
  type TargetDriver,
  TargetDrivers,
  type TargetSettings,
} from '#targets/target.driver.js';
import { progressOf } from '../../apps/orchestrator/src/progress.runner.js';
import { MemoryExecutionStore } from '../../apps/orchestrator/src/persistence/execution.memory.store.js';
import type {
  ExecutionChange,
  ExecutionStore,
  ExecutionTx,
  MovedInstance,
  StoredExecution,
} from '../../apps/orchestrator/src/persistence/execution.store.js';
import { before } from './driver-before.js';
import type { ServiceName } from './simulated-process.js';

export interface PlantedBug {
  readonly name: string;
  readonly database: (
    view: MemoryServiceDatabase,
    service: ServiceName,
    producer: MessageProducer,
  ) => MemoryServiceDatabase;
  readonly store?: (database: MemoryServiceDatabase) => ExecutionStore;
  readonly targets: (targets: TargetDrivers) => TargetDrivers;
}

/** No bug at all. */
export const HONEST: PlantedBug = {
  name: 'honest',
  database: (view) => view,
  targets: (targets) => targets,
};

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    ...HONEST,
    name: 'dual-write',
    database: (view, service, producer) =>
      service === 'orchestrator' ? dualWriting(view, producer) : view,
  },
  { ...HONEST, name: 'forgetful-inbox', database: (view) => forgetful(view) },
  { ...HONEST, name: 'no-version-guard', store: (database) => new UnguardedStore(database) },
  {
    ...HONEST,
    name: 'relay-that-skips',
    database: (view, service) => (service === 'orchestrator' ? skipping(view) : view),
  },
  { ...HONEST, name: 'fence-ignored', targets: (targets) => new UnfencedTargets(targets) },
];

/** The view with some of its methods replaced; all others act on the view itself. */
function altered(
  view: MemoryServiceDatabase,
  methods: Partial<MemoryServiceDatabase>,
): MemoryServiceDatabase {
  return new Proxy(view, {
    get: (target, name) => {
      if (name in methods) return methods[name as keyof MemoryServiceDatabase];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function alteredTx<Tx extends object>(tx: Tx, methods: Partial<Tx>): Tx {
  return new Proxy(tx, {
    get: (target, name) => {
      if (name in methods) return methods[name as keyof Tx];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Publishes after the commit what should have been in it: a crash in between loses it. */
function dualWriting(view: MemoryServiceDatabase, producer: MessageProducer) {
  const expand = progressOf(new MemoryExecutionStore(view));
  return altered(view, {
    transaction: async <T>(work: (tx: MemoryTx) => Promise<T>): Promise<T> => {
      const messages: OutgoingMessage[] = [];
      const pointers: OutgoingPointer[] = [];
      const result = await view.transaction((tx) =>
        work(
          alteredTx(tx, {
            send: (some) => Promise.resolve(void messages.push(...some)),
            point: (some) => Promise.resolve(void pointers.push(...some)),
          }),
        ),
      );
      const events = (await expand(pointers)).flat();
      void producer.publish([...messages, ...events]).catch(() => undefined);
      return result;
    },
  });
}

/** Takes every message for a new one. */
function forgetful(view: MemoryServiceDatabase): MemoryServiceDatabase {
  return altered(view, {
    transaction: <T>(work: (tx: MemoryTx) => Promise<T>): Promise<T> =>
      view.transaction((tx) =>
        work(alteredTx(tx, { admit: (keys) => Promise.resolve(new Set(keys)) })),
      ),
  });
}

/** Remembers how far it read instead of what it sent: what failed, or committed late, is skipped. */
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

/** Writes over whatever is there: no row lock, and no look at the revision. */
class UnguardedStore extends MemoryExecutionStore {
  override transaction<T>(work: (tx: ExecutionTx) => Promise<T>): Promise<T> {
    return super.transaction((tx) => {
      const lock = async (ids: readonly string[]): Promise<Map<string, StoredExecution>> => {
        const found = await Promise.all(ids.map((id) => this.get(id)));
        return new Map(found.flatMap((one) => (one === null ? [] : [[one.execution.id, one]])));
      };
      const save = async (
        changes: readonly ExecutionChange[],
      ): Promise<Map<string, MovedInstance[]>> => {
        const unguarded = await Promise.all(
          changes.map(async (change) => {
            const { revision } = (await this.get(change.next.id))?.execution ?? change.before;
            return { ...change, before: { ...change.before, revision } };
          }),
        );
        return tx.save(unguarded);
      };
      return work(alteredTx(tx, { lock, save }));
    });
  }
}

/** A target that obeys whoever asks last. */
class UnfencedTargets extends TargetDrivers {
  #epoch = 0;

  constructor(private readonly targets: TargetDrivers) {
    super();
  }

  override open(target: TargetSettings): TargetDriver {
    const driver = this.targets.open(target);
    const next = (): Fence => ({ handOver: 1, epoch: (this.#epoch += 1) });
    return before(driver, {
      submit: (operations, _, signal) => driver.submit(operations, next(), signal),
      submitSet: (operation, _, signal) => driver.submitSet(operation, next(), signal),
    });
  }

  override check(target: TargetSettings): void {
    this.targets.check(target);
  }
}
