import type { ExpectedInstance } from '#core/validation/instance-checks.js';
import type { Validation, ValidationKey } from '#core/validation/validation.js';
import type { MemoryServiceDatabase, MemoryTx } from '#postgres/memory-service-database.js';
import { TransientDatabaseError, UniqueViolationError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import {
  idOf,
  ValidationStore,
  type AskedValidation,
  type RunningValidation,
  type StoredValidation,
  type ValidationTx,
} from './validation.store.js';

const VALIDATIONS = 'validations';
const PAGES = 'validation_pages';

interface Row {
  validation: Validation;
  asked: AskedValidation;
  touchedAtMs: number;
}

interface PageRow {
  of: string;
  instances: readonly ExpectedInstance[];
}

/** The twin of `PgValidationStore`. */
export class MemoryValidationStore extends ValidationStore {
  /** @param nowMs the database's clock */
  constructor(
    private readonly database: MemoryServiceDatabase,
    private readonly nowMs: () => number,
  ) {
    super();
  }

  override transaction<T>(work: (tx: ValidationTx) => Promise<T>): Promise<T> {
    return this.database.transaction((tx) => work(validationTx(tx, this.nowMs)));
  }

  override get(key: ValidationKey): Promise<StoredValidation | null> {
    return this.database.transaction(async (tx) => {
      const row = await tx.table<Row>(VALIDATIONS).get(idOf(key));
      return row === undefined ? null : { validation: row.validation, asked: row.asked };
    });
  }

  override page(key: ValidationKey, page: number): Promise<ExpectedInstance[]> {
    return this.database.transaction(async (tx) => {
      const row = await tx.table<PageRow>(PAGES).get(pageId(key, page));
      return [...(row?.instances ?? [])];
    });
  }

  override runningIn(shards: readonly number[], limit: number): Promise<RunningValidation[]> {
    return this.database.transaction(async (tx) => {
      const rows = await tx
        .table<Row>(VALIDATIONS)
        .scan(({ validation: { state, executionId } }) => {
          return state === 'RUNNING' && shards.includes(shardOf(executionId, SHARDS));
        });
      const found = rows.map(({ key: id, row: { validation } }) => {
        const { executionId, kind, handOver } = validation;
        const shard = shardOf(executionId, SHARDS);
        return { id, subject: executionId, shard, key: { executionId, kind, handOver } };
      });
      return found.sort((a, b) => byKey(a.key, b.key)).slice(0, limit);
    });
  }

  override purge(olderThanMs: number, limit: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const before = this.nowMs() - olderThanMs;
      const old = await tx.table<Row>(VALIDATIONS).scan((row) => row.touchedAtMs < before);
      const gone = old.slice(0, limit);
      for (const { key } of gone) {
        await tx.table<Row>(VALIDATIONS).delete(key);
        const pages = await tx.table<PageRow>(PAGES).scan((row) => row.of === key);
        for (const page of pages) await tx.table<PageRow>(PAGES).delete(page.key);
      }
      return gone.length;
    });
  }
}

function pageId(key: ValidationKey, page: number): string {
  return `${idOf(key)}/${String(page)}`;
}

function byKey(a: ValidationKey, b: ValidationKey): number {
  if (a.executionId !== b.executionId) return a.executionId < b.executionId ? -1 : 1;
  return a.handOver - b.handOver || (a.kind < b.kind ? -1 : 1);
}

function validationTx(tx: MemoryTx, nowMs: () => number): ValidationTx {
  const table = tx.table<Row>(VALIDATIONS);
  const lock = async (id: string): Promise<Row | undefined> => {
    return (await tx.lockRow(VALIDATIONS, id, 'wait')) ? table.get(id) : undefined;
  };
  const change = async (id: string, fields: Partial<Validation>): Promise<void> => {
    const row = await table.get(id);
    if (row === undefined) return;
    const validation = { ...row.validation, ...fields };
    await table.put(id, { ...row, validation, touchedAtMs: nowMs() });
  };
  const keysOf = async (executionId: string): Promise<ValidationKey[]> => {
    const rows = await table.scan((row) => row.validation.executionId === executionId);
    return rows.map(({ row }) => row.validation).sort(byKey);
  };
  return {
    ...plumbingOf(tx),
    lockAll: async (executionId) => {
      const rows: Validation[] = [];
      for (const key of await keysOf(executionId)) {
        const row = await lock(idOf(key));
        if (row !== undefined) rows.push(row.validation);
      }
      return rows;
    },
    lock: async (key) => (await lock(idOf(key)))?.validation ?? null,
    insert: async ({ validation, asked }) => {
      try {
        await table.insert(idOf(validation), { validation, asked, touchedAtMs: nowMs() });
      } catch (error) {
        if (!(error instanceof UniqueViolationError)) throw error;
        throw new TransientDatabaseError(`${idOf(validation)} was inserted twice`, {
          cause: error,
        });
      }
    },
    putAsked: async (key, asked) => {
      const row = await table.get(idOf(key));
      if (row !== undefined) await table.put(idOf(key), { ...row, asked });
    },
    update: (validation) => change(idOf(validation), validation),
    addPage: (key, page, instances) =>
      tx.table<PageRow>(PAGES).insert(pageId(key, page), { of: idOf(key), instances }),
    supersedeOlder: async (executionId, handOver) => {
      for (const key of await keysOf(executionId)) {
        if (key.handOver >= handOver) continue;
        const { state } = (await table.get(idOf(key)))?.validation ?? {};
        if (state !== 'GATHERING' && state !== 'RUNNING') continue;
        await change(idOf(key), { state: 'SUPERSEDED' });
      }
    },
  };
}

function plumbingOf(tx: MemoryTx) {
  return {
    admit: tx.admit.bind(tx),
    send: tx.send.bind(tx),
    point: tx.point.bind(tx),
    arm: tx.arm.bind(tx),
    disarm: tx.disarm.bind(tx),
    holdLeases: tx.holdLeases.bind(tx),
    tell: tx.tell.bind(tx),
  };
}
