import { copyOf } from './memory-copy.js';
import type { MemoryTableRules } from './memory-rows.js';
import { MemoryStore } from './memory-store.js';
import { DUE_WORK, INBOX, MemoryServiceTx, type MemoryTx } from './memory-tx.js';
import {
  type OutboxRow,
  ServiceDatabase,
  type Timer,
  TransientDatabaseError,
} from './service-database.js';

export type { MemoryTable, MemoryTx } from './memory-tx.js';

/** How the twin meets its simulator. */
export interface MemoryDatabaseSettings {
  /** The database's clock, in milliseconds. */
  nowMs: () => number;
  /**
   * Awaited before each operation, and before (`commit`) and after (`committed`) every commit; may
   * delay, fail (a lost connection: `TransientDatabaseError`) or never resolve. Default: none.
   */
  io?: (name: string) => Promise<void>;
  /** Unique indexes of the service's tables. A table without any need not be named. */
  tables?: Readonly<Record<string, MemoryTableRules>>;
}

/**
 * The in-memory twin of a service's database: the same behaviour behind the same port, told apart
 * by no contract test. Deterministic: what happens depends on the order of calls and on `io` alone.
 *
 * Each process of a simulated service has its own view on the same rows (`viewFor`), so that it can
 * crash by itself (`abandon`).
 */
export class MemoryServiceDatabase extends ServiceDatabase<MemoryTx> {
  private readonly io: (name: string) => Promise<void>;
  private readonly endings = new Set<() => void>();
  private abandoned = false;

  /** @param owner names the process in its leases; give each start of a process a new one. */
  constructor(
    private readonly settings: MemoryDatabaseSettings,
    readonly owner = 'first',
    /** Of another view; left out, a new and empty database. */
    readonly store = new MemoryStore(settings.nowMs, settings.tables ?? {}),
    private readonly views = new Set<MemoryServiceDatabase>(),
  ) {
    super();
    this.io = settings.io ?? (() => Promise.resolve());
    this.views.add(this);
  }

  /** The same database as another process sees it; with an `io` of its own, if given. */
  viewFor(owner: string, io = this.settings.io): MemoryServiceDatabase {
    const settings = { ...this.settings, ...(io && { io }) };
    return new MemoryServiceDatabase(settings, owner, this.store, this.views);
  }

  /**
   * The process of this owner is gone: its open transactions are rolled back, their locks freed,
   * and nothing it still waits for, or asks for later, ever resolves. Its leases run out by
   * themselves. A new process takes a new view.
   */
  abandon(owner: string): void {
    for (const view of [...this.views].filter((one) => one.owner === owner)) {
      view.abandoned = true;
      this.views.delete(view);
      for (const end of view.endings) end();
    }
    for (const tx of this.store.transactionsOf(owner)) tx.rollback();
  }

  override async transaction<T>(work: (tx: MemoryTx) => Promise<T>): Promise<T> {
    await this.reach('begin');
    const tx = new MemoryServiceTx(this.store, {
      owner: this.owner,
      reach: (name) => this.reach(name),
      survive: () => this.survive(),
    });
    this.store.begun(tx);
    try {
      const result = await work(tx);
      await this.survive();
      await tx.commit();
      return result;
    } catch (error) {
      await this.survive();
      tx.rollback();
      throw error;
    }
  }

  override async takeOutbox(shards: readonly number[], limit: number): Promise<OutboxRow[]> {
    await this.reach('takeOutbox');
    return this.store.readOutbox(shards, limit);
  }

  override async dropOutbox(ids: readonly string[]): Promise<void> {
    await this.reach('dropOutbox');
    this.store.removeOutbox(ids);
    await this.reach('committed');
  }

  override async dueTimers(
    shards: readonly number[],
    nowMs: number,
    limit: number,
  ): Promise<Timer[]> {
    await this.reach('dueTimers');
    const mine: Timer[] = [];
    for (const row of this.store.table(DUE_WORK).rows.values()) {
      const timer = row as Timer;
      if (timer.atMs <= nowMs && shards.includes(timer.shard)) mine.push(timer);
    }
    return copyOf(mine.sort(byTime).slice(0, limit));
  }

  override async purgeInbox(olderThanMs: number, limit: number): Promise<number> {
    await this.reach('purgeInbox');
    const { rows } = this.store.table(INBOX);
    const before = this.store.nowMs() - olderThanMs;
    const old = [...rows].filter(([, row]) => (row as { seenAtMs: number }).seenAtMs < before);
    const gone = old.slice(0, limit);
    for (const [key] of gone) rows.delete(key);
    return gone.length;
  }

  override async reclaim(): Promise<void> {
    await this.reach('reclaim');
  }

  override async listen(onTold: (subjects: string[]) => void): Promise<() => Promise<void>> {
    await this.reach('listen');
    const end = this.store.listen((subjects) => {
      // A notification lost on its way is a connection that was away: then they hear of the gap.
      void this.reach('told').then(
        () => {
          if (this.endings.has(end)) onTold(subjects);
        },
        () => {
          if (this.endings.has(end)) onTold([]);
        },
      );
    });
    this.endings.add(end);
    return () => {
      this.endings.delete(end);
      end();
      return Promise.resolve();
    };
  }

  override async nowMs(): Promise<number> {
    await this.reach('now');
    const nowMs = this.store.nowMs();
    await this.reach('told now');
    return nowMs;
  }

  override async isReachable(): Promise<boolean> {
    return this.reach('isReachable').then(
      () => true,
      () => false,
    );
  }

  override close(): Promise<void> {
    for (const end of this.endings) end();
    this.endings.clear();
    return Promise.resolve();
  }

  /** Passes the simulator on the way to the database; for the twin's own parts. */
  async reach(name: string): Promise<void> {
    if (this.abandoned) await this.survive();
    try {
      await this.io(name);
    } catch (error) {
      await this.survive();
      const said = error instanceof Error ? error.message : String(error);
      // Of what commits nobody can tell whether it was lost on the way there or on the way back.
      const outcome = name.startsWith('commit') ? 'unknown' : 'rolled back';
      throw new TransientDatabaseError(said, { cause: error, outcome });
    }
    if (this.abandoned) await this.survive();
  }

  // Nothing after this line runs in a process that is gone.
  private async survive(): Promise<void> {
    if (this.abandoned) await new Promise<never>(() => undefined);
  }
}

function byTime(a: Timer, b: Timer): number {
  const keys = [`${a.subject}/${a.kind}`, `${b.subject}/${b.kind}`] as const;
  return a.atMs - b.atMs || (keys[0] < keys[1] ? -1 : 1);
}
