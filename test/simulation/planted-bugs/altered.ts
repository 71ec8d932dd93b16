/** A port with some of its methods replaced; all others act on the honest one itself. */
import type { MemoryTx } from '#postgres/memory-service-database.js';
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';

export function altered<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, name) => {
      if (name in methods) return methods[name as keyof Port];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A database each of whose transactions is altered. */
export function alteredTransactions(
  view: MemoryServiceDatabase,
  methodsOf: (tx: MemoryTx) => Partial<MemoryTx>,
): MemoryServiceDatabase {
  return altered(view, {
    transaction: <T>(work: (tx: MemoryTx) => Promise<T>): Promise<T> =>
      view.transaction((tx) => work(altered(tx, methodsOf(tx)))),
  });
}
