/** A database that is looked at whenever a decision turns out to have been overtaken. */
import type { MemoryServiceDatabase, MemoryTx } from '#postgres/memory-service-database.js';
import { altered } from './planted-bugs/altered.js';

/** What a store says when rows are not as the decision took them to be. */
const OVERTAKEN: readonly string[] = ['StaleExecutionError', 'StaleRollbackError'];

/** @param overtaken told what was found instead */
export function watchedDatabase(
  database: MemoryServiceDatabase,
  overtaken: (found: string) => void,
): MemoryServiceDatabase {
  return altered(database, {
    transaction: <T>(work: (tx: MemoryTx) => Promise<T>): Promise<T> =>
      database.transaction(async (tx) => {
        try {
          return await work(tx);
        } catch (error) {
          if (error instanceof Error && OVERTAKEN.includes(error.name)) overtaken(error.message);
          throw error;
        }
      }),
  });
}
