import type { ExpectedInstance } from '#core/validation/instance-checks.js';
import type { Validation, ValidationKey } from '#core/validation/validation.js';
import type { MemoryServiceDatabase, MemoryTx } from '#postgres/memory-service-database.js';
import { ServiceTxOver } from '#postgres/service-tx-over.js';
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
  constructor(private readonly database: MemoryServiceDatabase) {
    super();
  }

  override transaction<T>(work: (tx: ValidationTx) => Promise<T>): Promise<T> {
    return this.database.transaction((tx) =>
      work(new MemoryValidationTx(tx, this.database.store.nowMs)),
    );
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
      const before = this.database.store.nowMs() - olderThanMs;
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

class MemoryValidationTx extends ServiceTxOver<MemoryTx> implements ValidationTx {
  constructor(
    tx: MemoryTx,
    private readonly nowMs: () => number,
  ) {
    super(tx);
  }

  async lockAll(executionId: string): Promise<Validation[]> {
    const validations: Validation[] = [];
    for (const key of await this.#keysOf(executionId)) {
      const validation = await this.lock(key);
      if (validation !== null) validations.push(validation);
    }
    return validations;
  }

  async lock(key: ValidationKey): Promise<Validation | null> {
    if (!(await this.tx.lockRow(VALIDATIONS, idOf(key), 'wait'))) return null;
    return (await this.#rows.get(idOf(key)))?.validation ?? null;
  }

  async insert({ validation, asked }: StoredValidation): Promise<void> {
    const id = idOf(validation);
    try {
      await this.#rows.insert(id, { validation, asked, touchedAtMs: this.nowMs() });
    } catch (error) {
      if (!(error instanceof UniqueViolationError)) throw error;
      throw new TransientDatabaseError(`${id} was inserted twice`, { cause: error });
    }
  }

  async update(validation: Validation): Promise<void> {
    const row = await this.#rows.get(idOf(validation));
    if (row === undefined) return;
    await this.#rows.put(idOf(validation), { ...row, validation, touchedAtMs: this.nowMs() });
  }

  async putAsked(key: ValidationKey, asked: AskedValidation): Promise<void> {
    const row = await this.#rows.get(idOf(key));
    if (row !== undefined) await this.#rows.put(idOf(key), { ...row, asked });
  }

  addPage(key: ValidationKey, page: number, instances: readonly ExpectedInstance[]): Promise<void> {
    const table = this.tx.table<PageRow>(PAGES);
    return table.insert(pageId(key, page), { of: idOf(key), instances });
  }

  async supersedeOlder(executionId: string, handOver: number): Promise<void> {
    for (const key of await this.#keysOf(executionId)) {
      if (key.handOver >= handOver) continue;
      const validation = (await this.#rows.get(idOf(key)))?.validation;
      if (validation === undefined || ['ENDED', 'SUPERSEDED'].includes(validation.state)) continue;
      await this.update({ ...validation, state: 'SUPERSEDED' });
    }
  }

  get #rows() {
    return this.tx.table<Row>(VALIDATIONS);
  }

  async #keysOf(executionId: string): Promise<ValidationKey[]> {
    const rows = await this.#rows.scan((row) => row.validation.executionId === executionId);
    return rows.map(({ row }) => row.validation).sort(byKey);
  }
}
