import { copyOf } from './memory-copy.js';
import { MemoryChanges } from './memory-rows.js';
import type { LockMode } from './memory-locks.js';
import type { MemoryRowChange } from './memory-observer.js';
import type { MemoryStore } from './memory-store.js';
import {
  type Lease,
  type OutboxRow,
  type OutgoingMessage,
  type OutgoingPointer,
  type ServiceTx,
  StaleEpochError,
  type Timer,
  TransientDatabaseError,
  UniqueViolationError,
} from './service-database.js';

/**
 * A table inside a transaction: sees what is committed at the moment of each call, and what this
 * transaction wrote. Writing a row locks it to the end of the transaction. Rows are copies, in and
 * out.
 */
export interface MemoryTable<Row> {
  get(key: string): Promise<Row | undefined>;
  /** Throws `UniqueViolationError` (constraint `<table>_pkey`) when the key exists. */
  insert(key: string, row: Row): Promise<void>;
  /** Inserts under a key of its own, which counts up. */
  append(row: Row): Promise<void>;
  /** Inserts or replaces. */
  put(key: string, row: Row): Promise<void>;
  /** Several at once: one operation to the simulator, as one statement is to Postgres. */
  putAll(rows: Iterable<readonly [string, Row]>): Promise<void>;
  /**
   * Replaces the row as it stands under its lock, in one operation: a guarded UPDATE. `change` may be
   * asked again when the row has changed meanwhile; undefined: it stays. Answers the new row.
   */
  update(key: string, change: (row: Row) => Row | undefined): Promise<Row | undefined>;
  /** Says whether the row was there. */
  delete(key: string): Promise<boolean>;
  /** Rows that `where` accepts (it must not change them), in order of first commit, own ones last. */
  scan(where?: (row: Row, key: string) => boolean): Promise<{ key: string; row: Row }[]>;
}

export type RowLockMode = 'wait' | 'skip' | 'share';

/** A transaction on the in-memory twin. */
export interface MemoryTx extends ServiceTx {
  table<Row>(name: string): MemoryTable<Row>;
  /**
   * Locks a row to the end of the transaction, as FOR UPDATE does, or with `share` as FOR SHARE.
   * False when there is no such row, or, with `skip`, when another transaction holds it.
   */
  lockRow(table: string, key: string, mode: RowLockMode): Promise<boolean>;
}

/** What a transaction needs of the view it was begun on. */
export interface MemoryTxPlace {
  owner: string;
  /** Awaited before every operation; never resolves for a process that crashed. */
  reach: (name: string) => Promise<void>;
  /** Goes on at once, or never when the process is gone. */
  survive: () => Promise<void>;
}

export const INBOX = 'inbox';
export const DUE_WORK = 'due_work';
export const SHARD_LEASES = 'shard_leases';

export class MemoryServiceTx implements MemoryTx {
  /** On the store's clock, when the first operation began; null before. */
  beganAtMs: number | null = null;
  /** On the store's clock, when the last operation ended; null before the first. */
  activeAtMs: number | null = null;
  private readonly tables = new Map<string, MemoryChanges>();
  private readonly outbox: OutboxRow[] = [];
  private readonly told = new Set<string>();
  private readonly held: Lease[] = [];
  private tail: Promise<unknown> = Promise.resolve();
  private failed: { error: unknown } | null = null;
  /** Why it was ended from outside. Its next statement says so; a commit cannot tell. */
  private endedBy: TransientDatabaseError | null = null;
  private state: 'open' | 'ending' | 'ended' = 'open';

  constructor(
    private readonly store: MemoryStore,
    readonly place: MemoryTxPlace,
  ) {}

  table<Row>(name: string): MemoryTable<Row> {
    const changes = this.changesOf(name);
    return {
      get: (key) => this.run(`get ${name}`, () => copyOf(changes.read(key)) as Row),
      insert: (key, row) =>
        this.run(`insert ${name}`, async () => {
          const isThere = (): boolean => changes.read(key) !== undefined;
          // A row that another has locked and not changed is there whatever that one does.
          const isCertain = isThere() && !this.store.isBeingChanged(name, key, this);
          if (!isCertain) await this.lock(name, key);
          if (isThere()) throw new UniqueViolationError(name, `${name}_pkey`);
          await this.write(changes, key, row);
        }),
      append: (row) =>
        this.run(`put ${name}`, () => this.write(changes, changes.committed.nextKey(), row)),
      put: (key, row) => this.run(`put ${name}`, () => this.write(changes, key, row)),
      putAll: (rows) =>
        this.run(`put ${name}`, async () => {
          for (const [key, row] of rows) await this.write(changes, key, row);
        }),
      update: (key, change) =>
        this.run(`update ${name}`, () =>
          this.change(changes, key, change as (row: unknown) => unknown),
        ) as Promise<Row | undefined>,
      delete: (key) => this.run(`delete ${name}`, () => this.remove(changes, key)),
      scan: (where = () => true) =>
        this.run(`scan ${name}`, () =>
          [...changes.scan()]
            .filter(([key, row]) => where(row as Row, key))
            .map(([key, row]) => ({ key, row: copyOf(row) as Row })),
        ),
    };
  }

  lockRow(table: string, key: string, mode: RowLockMode): Promise<boolean> {
    return this.run(`lock ${table}`, async () => {
      const changes = this.changesOf(table);
      if (changes.read(key) === undefined) return false;
      if (mode === 'share') await this.lock(table, key, 'shared');
      else if (mode === 'wait') await this.lock(table, key);
      else if (!this.store.locks.tryTake(`${table} ${key}`, this, 'exclusive')) return false;
      return changes.read(key) !== undefined;
    });
  }

  admit(keys: readonly string[]): Promise<Set<string>> {
    return this.run('admit', async () => {
      const inbox = this.changesOf(INBOX);
      const admitted = new Set<string>();
      for (const key of [...new Set(keys)].sort()) {
        if (inbox.read(key) !== undefined) continue;
        // Another transaction may be recording it: only its end says whether it was seen.
        await this.lock(INBOX, key);
        if (inbox.read(key) !== undefined) continue;
        inbox.changes.set(key, { row: { seenAtMs: this.store.nowMs() } });
        admitted.add(key);
      }
      return admitted;
    });
  }

  send(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.run('send', () => {
      for (const message of copyOf(messages)) {
        const id = this.store.nextOutboxId();
        this.outbox.push({ id, shard: message.shard, message, pointer: null });
      }
    });
  }

  point(pointers: readonly OutgoingPointer[]): Promise<void> {
    return this.run('point', () => {
      for (const pointer of copyOf(pointers)) {
        const id = this.store.nextOutboxId();
        this.outbox.push({ id, shard: pointer.shard, message: null, pointer });
      }
    });
  }

  arm(timers: readonly Timer[]): Promise<void> {
    return this.run('arm', async () => {
      const last = new Map(timers.map((timer) => [timerKey(timer), timer]));
      for (const key of [...last.keys()].sort()) {
        await this.write(this.changesOf(DUE_WORK), key, last.get(key));
      }
    });
  }

  disarm(timers: readonly { subject: string; kind: string }[]): Promise<void> {
    return this.run('disarm', async () => {
      for (const key of timers.map(timerKey).sort()) {
        await this.remove(this.changesOf(DUE_WORK), key);
      }
    });
  }

  holdLeases(leases: readonly Lease[]): Promise<void> {
    return this.run('holdLeases', async () => {
      const stale: Lease[] = [];
      for (const lease of [...leases].sort((a, b) => a.shard - b.shard)) {
        await this.lock(SHARD_LEASES, String(lease.shard), 'shared');
        const { owner, epoch } = this.store.lease(lease.shard);
        if (owner !== this.place.owner || epoch !== lease.epoch) stale.push(lease);
      }
      if (stale.length > 0) throw new StaleEpochError(stale);
      this.held.push(...leases);
    });
  }

  tell(subjects: readonly string[]): Promise<void> {
    return this.run('tell', () => {
      for (const subject of subjects) this.told.add(subject);
    });
  }

  async commit(): Promise<void> {
    this.state = 'ending';
    await this.tail;
    await this.place.reach('commit');
    this.store.endOverdueTransactions();
    if (this.failed) throw this.failed.error;
    if (this.endedBy)
      throw new TransientDatabaseError(this.endedBy.message, { outcome: 'unknown' });
    const { observer } = this.store;
    const changes = observer === null ? [] : this.changed();
    for (const { committed, changes } of this.tables.values()) committed.apply(changes);
    this.store.appendOutbox(this.outbox);
    this.end();
    if (changes.length > 0 || this.outbox.length > 0) {
      const { owner } = this.place;
      observer?.committed({ owner, changes, outbox: this.outbox, leases: this.held });
    }
    if (this.told.size > 0) this.store.notify([...this.told]);
    await this.place.reach('committed');
  }

  /** Drops everything it wrote and frees its locks; `error` is what its own operations then say. */
  rollback(error?: TransientDatabaseError): void {
    if (error) this.endedBy ??= error;
    this.end();
  }

  hasChanged(table: string, key: string): boolean {
    return this.failed === null && (this.tables.get(table)?.changes.has(key) ?? false);
  }

  private changed(): MemoryRowChange[] {
    return [...this.tables].flatMap(([table, { committed, changes }]) =>
      [...changes].map(([key, change]) => {
        return { table, key, before: committed.rows.get(key), after: change?.row };
      }),
    );
  }

  private end(): void {
    this.state = 'ended';
    this.store.forget(this);
  }

  // One after the other in the order of the calls, as on one connection.
  private run<T>(name: string, perform: () => T | Promise<T>): Promise<T> {
    if (this.state !== 'open' && !this.failed && !this.endedBy) {
      return Promise.reject(new Error('this transaction is over'));
    }
    const result = this.tail.then(async () => {
      await this.place.reach(name);
      this.beganAtMs ??= this.store.nowMs();
      this.store.endOverdueTransactions();
      this.refuseAfterEnd();
      try {
        const value = await perform();
        this.activeAtMs = this.store.nowMs();
        return value;
      } finally {
        await this.place.survive();
      }
    });
    this.tail = result.catch((error: unknown) => {
      this.failed ??= { error };
      // Nothing of it can come about any more, so nobody waits for its end.
      this.store.locks.free(this);
    });
    return result;
  }

  private refuseAfterEnd(): void {
    if (this.failed) throw this.failed.error;
    if (this.endedBy) throw this.endedBy;
    if (this.state === 'ended') throw new Error('this transaction is over');
  }

  private async write(changes: MemoryChanges, key: string, row: unknown): Promise<void> {
    const { name } = changes.committed;
    await this.lock(name, key);
    for (const value of changes.uniqueValues(key, row)) await this.lock(name, value);
    changes.refuseDuplicate(key, row);
    changes.changes.set(key, { row: copyOf(row) });
  }

  private async change(
    changes: MemoryChanges,
    key: string,
    change: (row: unknown) => unknown,
  ): Promise<unknown> {
    // What does not match is not waited for, and what was waited for must match still.
    const next = (): unknown => {
      const row = changes.read(key);
      return row === undefined ? undefined : change(copyOf(row));
    };
    if (next() === undefined) return undefined;
    await this.lock(changes.committed.name, key);
    const row = next();
    if (row !== undefined) await this.write(changes, key, row);
    return copyOf(row);
  }

  private async remove(changes: MemoryChanges, key: string): Promise<boolean> {
    const { name } = changes.committed;
    if (changes.read(key) === undefined) return false;
    await this.lock(name, key);
    for (const value of changes.uniqueValues(key, undefined)) await this.lock(name, value);
    const there = changes.read(key) !== undefined;
    changes.changes.set(key, null);
    return there;
  }

  private async lock(table: string, key: string, mode: LockMode = 'exclusive'): Promise<void> {
    // It may have been ended from outside between two locks of one operation.
    this.refuseAfterEnd();
    await this.store.locks.take(`${table} ${key}`, this, mode);
  }

  private changesOf(name: string): MemoryChanges {
    let changes = this.tables.get(name);
    if (!changes) {
      this.tables.set(name, (changes = new MemoryChanges(this.store.table(name))));
    }
    return changes;
  }
}

function timerKey({ subject, kind }: { subject: string; kind: string }): string {
  return `${subject}/${kind}`;
}
