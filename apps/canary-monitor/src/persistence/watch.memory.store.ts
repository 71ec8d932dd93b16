import type { ExpectedCanary } from '#core/canary/canary-findings.js';
import type { CanaryWatch, WatchKey } from '#core/canary/canary-watch.js';
import type { MemoryServiceDatabase, MemoryTx } from '#postgres/memory-service-database.js';
import { ServiceTxOver } from '#postgres/service-tx-over.js';
import { TransientDatabaseError, UniqueViolationError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import {
  idOf,
  WatchStore,
  type AskedWatch,
  type RunningWatch,
  type StoredWatch,
  type WatchTx,
} from './watch.store.js';

const WATCHES = 'watches';
const PAGES = 'watch_pages';

interface Row {
  watch: CanaryWatch;
  asked: AskedWatch;
  touchedAtMs: number;
}

interface PageRow {
  of: string;
  canaries: readonly ExpectedCanary[];
}

/** The twin of `PgWatchStore`. */
export class MemoryWatchStore extends WatchStore {
  constructor(private readonly database: MemoryServiceDatabase) {
    super();
  }

  override transaction<T>(work: (tx: WatchTx) => Promise<T>): Promise<T> {
    return this.database.transaction((tx) =>
      work(new MemoryWatchTx(tx, this.database.store.nowMs)),
    );
  }

  override get(key: WatchKey): Promise<StoredWatch | null> {
    return this.database.transaction(async (tx) => {
      const row = await tx.table<Row>(WATCHES).get(idOf(key));
      return row === undefined ? null : { watch: row.watch, asked: row.asked };
    });
  }

  override page(key: WatchKey, page: number): Promise<ExpectedCanary[]> {
    return this.database.transaction(async (tx) => {
      const row = await tx.table<PageRow>(PAGES).get(pageId(key, page));
      return [...(row?.canaries ?? [])];
    });
  }

  override runningIn(shards: readonly number[], limit: number): Promise<RunningWatch[]> {
    return this.database.transaction(async (tx) => {
      const rows = await tx.table<Row>(WATCHES).scan(({ watch: { state, executionId } }) => {
        return state === 'RUNNING' && shards.includes(shardOf(executionId, SHARDS));
      });
      const found = rows.map(({ key: id, row: { watch } }) => {
        const { executionId, handOver } = watch;
        const shard = shardOf(executionId, SHARDS);
        return { id, subject: executionId, shard, key: { executionId, handOver } };
      });
      return found.sort((a, b) => byKey(a.key, b.key)).slice(0, limit);
    });
  }

  override purge(olderThanMs: number, limit: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const before = this.database.store.nowMs() - olderThanMs;
      const old = await tx.table<Row>(WATCHES).scan((row) => row.touchedAtMs < before);
      const gone = old.slice(0, limit);
      for (const { key } of gone) {
        await tx.table<Row>(WATCHES).delete(key);
        const pages = await tx.table<PageRow>(PAGES).scan((row) => row.of === key);
        for (const page of pages) await tx.table<PageRow>(PAGES).delete(page.key);
      }
      return gone.length;
    });
  }
}

function pageId(key: WatchKey, page: number): string {
  return `${idOf(key)}/${String(page)}`;
}

function byKey(a: WatchKey, b: WatchKey): number {
  if (a.executionId !== b.executionId) return a.executionId < b.executionId ? -1 : 1;
  return a.handOver - b.handOver;
}

class MemoryWatchTx extends ServiceTxOver<MemoryTx> implements WatchTx {
  constructor(
    tx: MemoryTx,
    private readonly nowMs: () => number,
  ) {
    super(tx);
  }

  async lockAll(executionId: string): Promise<CanaryWatch[]> {
    const watches: CanaryWatch[] = [];
    for (const key of await this.#keysOf(executionId)) {
      const watch = await this.lock(key);
      if (watch !== null) watches.push(watch);
    }
    return watches;
  }

  async lock(key: WatchKey): Promise<CanaryWatch | null> {
    if (!(await this.tx.lockRow(WATCHES, idOf(key), 'wait'))) return null;
    return (await this.#rows.get(idOf(key)))?.watch ?? null;
  }

  async insert({ watch, asked }: StoredWatch): Promise<void> {
    try {
      await this.#rows.insert(idOf(watch), { watch, asked, touchedAtMs: this.nowMs() });
    } catch (error) {
      if (!(error instanceof UniqueViolationError)) throw error;
      throw new TransientDatabaseError(`${idOf(watch)} was inserted twice`, { cause: error });
    }
  }

  async update(watch: CanaryWatch): Promise<void> {
    const row = await this.#rows.get(idOf(watch));
    if (row === undefined) return;
    await this.#rows.put(idOf(watch), { ...row, watch, touchedAtMs: this.nowMs() });
  }

  addPage(key: WatchKey, page: number, canaries: readonly ExpectedCanary[]): Promise<void> {
    const table = this.tx.table<PageRow>(PAGES);
    return table.insert(pageId(key, page), { of: idOf(key), canaries });
  }

  async supersedeOlder(executionId: string, handOver: number): Promise<void> {
    for (const key of await this.#keysOf(executionId)) {
      if (key.handOver >= handOver) continue;
      const watch = (await this.#rows.get(idOf(key)))?.watch;
      if (watch === undefined || ['ENDED', 'SUPERSEDED'].includes(watch.state)) continue;
      await this.update({ ...watch, state: 'SUPERSEDED' });
    }
  }

  get #rows() {
    return this.tx.table<Row>(WATCHES);
  }

  async #keysOf(executionId: string): Promise<WatchKey[]> {
    const rows = await this.#rows.scan((row) => row.watch.executionId === executionId);
    return rows.map(({ row }) => row.watch).sort(byKey);
  }
}
