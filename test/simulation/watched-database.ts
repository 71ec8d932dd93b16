/** A database that tells of each transaction whether its decision was overtaken. */
import type { MemoryServiceDatabase, MemoryTx } from '#postgres/memory-service-database.js';
import { altered } from './planted-bugs/altered.js';

/**
 * What a store says when a row is not as the decision took it to be, although it was locked for it.
 * That instances stood elsewhere is another matter: whoever was the owner, and is it again, may
 * report what it saw before.
 */
function isOvertaken({ name, message }: Error): boolean {
  if (name === 'StaleExecutionError') return message.includes('another revision');
  return name === 'StaleRollbackError';
}

/** @param overtaken told what was found instead; null: what was decided by */
export function watchedDatabase(
  database: MemoryServiceDatabase,
  overtaken: (found: string | null) => void,
): MemoryServiceDatabase {
  return altered(database, {
    transaction: <T>(work: (tx: MemoryTx) => Promise<T>): Promise<T> =>
      database.transaction(async (tx) => {
        try {
          const result = await work(tx);
          overtaken(null);
          return result;
        } catch (error) {
          if (error instanceof Error && isOvertaken(error)) overtaken(error.message);
          throw error;
        }
      }),
  });
}
