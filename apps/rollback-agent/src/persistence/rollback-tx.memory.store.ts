import { STEPS } from '#core/execution/execution.js';
import type {
  RollbackKey,
  RollbackMove,
  RollbackWork,
  SettledInstances,
} from '#core/rollback/rollback.js';
import type { MemoryTable, MemoryTx } from '#postgres/memory-service-database.js';
import { ServiceTxOver } from '#postgres/service-tx-over.js';
import { TransientDatabaseError, UniqueViolationError } from '#postgres/service-database.js';
import {
  idOf,
  StaleRollbackError,
  type AskedRollback,
  type NewRollbackInstance,
  type RollbackInstance,
  type RollbackTx,
  type StoredRollback,
} from './rollback.store.js';

export const ROLLBACKS = 'rollbacks';
export const INSTANCES = 'rollback_instances';

export interface MemoryRollbackRow {
  work: RollbackWork;
  asked: AskedRollback;
  active: boolean;
  touchedAtMs: number;
}

export interface MemoryInstanceRow extends RollbackInstance {
  /** Of the rollback it belongs to. */
  of: string;
  settledNo: number | null;
  reason: string | null;
}

export function isUnderWay({ status }: Pick<RollbackInstance, 'status'>): boolean {
  return (STEPS as readonly string[]).includes(status);
}

export function instanceOf(row: MemoryInstanceRow): RollbackInstance {
  const { index, instanceId, version, status, attempt, sinceMs } = row;
  return { index, instanceId, version, status, attempt, sinceMs };
}

/** Instances of a rollback that `where` accepts, by index. */
export async function rowsOf(
  tx: MemoryTx,
  key: RollbackKey,
  where: (row: MemoryInstanceRow) => boolean,
): Promise<MemoryInstanceRow[]> {
  const of = idOf(key);
  const table = tx.table<MemoryInstanceRow>(INSTANCES);
  const rows = await table.scan((row) => row.of === of && where(row));
  return rows.map(({ row }) => row).sort((a, b) => a.index - b.index);
}

/** The twin of `PgRollbackTx`. */
export class MemoryRollbackTx extends ServiceTxOver<MemoryTx> implements RollbackTx {
  private readonly rollbacks: MemoryTable<MemoryRollbackRow>;
  private readonly instances: MemoryTable<MemoryInstanceRow>;

  constructor(
    tx: MemoryTx,
    private readonly nowMs: () => number,
  ) {
    super(tx);
    this.rollbacks = tx.table(ROLLBACKS);
    this.instances = tx.table(INSTANCES);
  }

  async lockAll(executionId: string): Promise<RollbackWork[]> {
    const rows = await this.rollbacks.scan((row) => row.work.executionId === executionId);
    const works: RollbackWork[] = [];
    for (const key of rows.map(({ row }) => row.work).sort((a, b) => a.handOver - b.handOver)) {
      const work = await this.lock(key);
      if (work !== null) works.push(work);
    }
    return works;
  }

  async lock(key: RollbackKey): Promise<RollbackWork | null> {
    const id = idOf(key);
    if (!(await this.tx.lockRow(ROLLBACKS, id, 'wait'))) return null;
    return (await this.rollbacks.get(id))?.work ?? null;
  }

  async insert({ work, asked }: StoredRollback): Promise<void> {
    const row = { work, asked, active: false, touchedAtMs: this.nowMs() };
    try {
      await this.rollbacks.insert(idOf(work), row);
    } catch (error) {
      if (!(error instanceof UniqueViolationError)) throw error;
      throw new TransientDatabaseError(`${idOf(work)} was inserted twice`, { cause: error });
    }
  }

  async update(work: RollbackWork, active: boolean): Promise<void> {
    const id = idOf(work);
    const row = await this.rollbacks.get(id);
    if (row === undefined) return;
    await this.rollbacks.put(id, { ...row, work, active, touchedAtMs: this.nowMs() });
  }

  async addInstances(
    key: RollbackKey,
    instances: readonly NewRollbackInstance[],
    nowMs: number,
  ): Promise<void> {
    const of = idOf(key);
    const there = { status: 'UNSEEN', attempt: 0, settledNo: null, reason: null } as const;
    for (const instance of instances) {
      const row = { ...instance, ...there, of, sinceMs: nowMs };
      await this.instances.insert(rowId(of, instance.index), row);
    }
  }

  async standing(key: RollbackKey, indices: readonly number[]): Promise<RollbackInstance[]> {
    const asked = new Set(indices);
    return (await rowsOf(this.tx, key, ({ index }) => asked.has(index))).map(instanceOf);
  }

  async upAmong(key: RollbackKey, instanceIds: readonly string[]): Promise<number[]> {
    const asked = new Set(instanceIds);
    const rows = await rowsOf(this.tx, key, ({ status, instanceId }) => {
      return status === 'UP' && asked.has(instanceId);
    });
    return rows.map(({ index }) => index);
  }

  async apply(
    key: RollbackKey,
    moves: readonly RollbackMove[],
    nowMs: number,
  ): Promise<RollbackInstance[]> {
    const last = new Map<number, RollbackInstance>();
    for (const move of moves) {
      for (const row of await this.move(key, move, nowMs)) last.set(row.index, instanceOf(row));
    }
    return [...last.values()].filter(isUnderWay).sort((a, b) => a.index - b.index);
  }

  async settled(key: RollbackKey, after: number, upTo: number): Promise<SettledInstances> {
    const rows = await rowsOf(this.tx, key, ({ settledNo }) => {
      return settledNo !== null && settledNo > after && settledNo <= upTo;
    });
    rows.sort((a, b) => (a.settledNo ?? 0) - (b.settledNo ?? 0));
    const restored = rows.filter(({ status }) => status === 'RESTORED');
    const others = rows.filter(({ status }) => status !== 'RESTORED');
    return {
      restored: restored.map(({ index }) => index),
      leftOver: others.map(({ instanceId, reason }) => ({ instanceId, reason: reason ?? '' })),
    };
  }

  private async move(
    key: RollbackKey,
    { select, from, to, begins, reason, settledFrom }: RollbackMove,
    nowMs: number,
  ): Promise<MemoryInstanceRow[]> {
    const standing = await rowsOf(this.tx, key, ({ status }) => status === from);
    const byIndex = new Map(standing.map((row) => [row.index, row]));
    const picked =
      select.by === 'NEXT'
        ? standing.slice(0, select.count)
        : select.indices.flatMap((index) => byIndex.get(index) ?? []);
    // The numbers of a move go by index, whatever the order in which they were named.
    const numbers = new Map(
      picked
        .map(({ index }) => index)
        .sort((a, b) => a - b)
        .map((index, at) => [index, at]),
    );
    const expected = select.by === 'NEXT' ? select.count : select.indices.length;
    if (picked.length !== expected) {
      throw new StaleRollbackError(
        `${String(picked.length)} of ${String(expected)} instances stood in ${from}`,
      );
    }
    const rows = picked.map((row, at) => ({
      ...row,
      status: to,
      attempt: row.attempt + (begins ? 1 : 0),
      sinceMs: nowMs,
      settledNo: settledFrom === null ? null : settledFrom + (numbers.get(row.index) ?? 0),
      reason: (typeof reason === 'string' ? reason : reason?.[at]) ?? row.reason,
    }));
    await this.instances.putAll(rows.map((row) => [rowId(row.of, row.index), row] as const));
    return rows;
  }
}

function rowId(of: string, index: number): string {
  return `${of}/${String(index)}`;
}
