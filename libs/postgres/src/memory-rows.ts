import { UniqueViolationError } from './service-database.js';

/**
 * A unique index: the value of a row that no other row of its table may have; null when the row
 * does not take part (a partial index).
 */
export type UniqueValue = (row: never) => string | null;

/** What is known of a table beforehand: its unique indexes by name. */
export interface MemoryTableRules {
  unique?: Record<string, UniqueValue>;
}

interface Unique {
  name: string;
  valueOf: (row: unknown) => string | null;
  /** Of committed rows: value → key. */
  keys: Map<string, string>;
}

/** The committed rows of one table, by key, in the order in which the keys were first committed. */
export class MemoryRows {
  readonly rows = new Map<string, unknown>();
  readonly uniques: Unique[];
  private lastNumber = 0;

  constructor(
    readonly name: string,
    rules: MemoryTableRules = {},
  ) {
    this.uniques = Object.entries(rules.unique ?? {}).map(([unique, valueOf]) => ({
      name: unique,
      valueOf: valueOf as (row: unknown) => string | null,
      keys: new Map(),
    }));
  }

  /** A key that no row has had: as an identity column gives it, also to who then rolls back. */
  nextKey(): string {
    this.lastNumber += 1;
    return String(this.lastNumber);
  }

  apply(changes: ReadonlyMap<string, { row: unknown } | null>): void {
    // First all that goes: a value may move from one row to another in the same transaction.
    for (const [key] of changes) {
      const old = this.rows.get(key);
      if (old === undefined) continue;
      for (const { valueOf, keys } of this.uniques) {
        const value = valueOf(old);
        if (value !== null && keys.get(value) === key) keys.delete(value);
      }
    }
    for (const [key, change] of changes) {
      if (!change) {
        this.rows.delete(key);
        continue;
      }
      this.rows.set(key, change.row);
      for (const { valueOf, keys } of this.uniques) {
        const value = valueOf(change.row);
        if (value !== null) keys.set(value, key);
      }
    }
  }
}

/** One transaction's rows of one table: what it wrote, over what is committed at the moment. */
export class MemoryChanges {
  readonly changes = new Map<string, { row: unknown } | null>();

  constructor(readonly committed: MemoryRows) {}

  read(key: string): unknown {
    const change = this.changes.get(key);
    return change === undefined ? this.committed.rows.get(key) : change?.row;
  }

  *scan(): Iterable<[string, unknown]> {
    for (const [key] of this.committed.rows) {
      const row = this.read(key);
      if (row !== undefined) yield [key, row];
    }
    for (const [key, change] of this.changes) {
      if (change && !this.committed.rows.has(key)) yield [key, change.row];
    }
  }

  /**
   * The unique values that the row has and will have (undefined: none, it goes), to be locked: who
   * wants one of them waits for the end of whoever writes its row.
   */
  uniqueValues(key: string, row: unknown): string[] {
    const rows = [this.read(key), row].filter((one) => one !== undefined);
    const values = this.committed.uniques.flatMap(({ name, valueOf }) =>
      rows
        .map(valueOf)
        .filter((value) => value !== null)
        .map((value) => `${name}=${value}`),
    );
    return [...new Set(values)].sort();
  }

  /** Throws `UniqueViolationError` when another row has one of the values. */
  refuseDuplicate(key: string, row: unknown): void {
    for (const { name, valueOf, keys } of this.committed.uniques) {
      const value = valueOf(row);
      if (value === null) continue;
      const theirs = keys.get(value);
      const committedTwin = theirs !== undefined && theirs !== key && !this.changes.has(theirs);
      const ownTwin = [...this.changes].some(
        ([other, change]) => change && other !== key && valueOf(change.row) === value,
      );
      if (committedTwin || ownTwin) throw new UniqueViolationError(this.committed.name, name);
    }
  }
}
