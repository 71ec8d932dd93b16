import { afterEach, beforeEach } from '@jest/globals';
import type { DatabaseClock } from './database-clock.js';
import type { ServiceDatabase, ServiceTx } from './service-database.js';
import type { ShardLeases } from './shard-leases.js';

/** A row of the one table that the contract's imaginary service has besides the plumbing. */
export interface Thing {
  text: string;
  /** No two things have the same; null when it claims nothing. */
  claim: string | null;
}

/** The service's own statements, as a store of an app would write them. */
export interface Things<Tx extends ServiceTx> {
  put(tx: Tx, key: string, thing: Thing): Promise<void>;
  /** A guarded update: only while the text is still this. Says whether it was. */
  putIf(tx: Tx, key: string, text: string, thing: Thing): Promise<boolean>;
  insert(tx: Tx, key: string, thing: Thing): Promise<void>;
  read(tx: Tx, key: string): Promise<Thing | undefined>;
  remove(tx: Tx, key: string): Promise<void>;
  lock(tx: Tx, key: string, mode: 'wait' | 'skip'): Promise<boolean>;
}

/** One process of the service. */
export interface Replica<Tx extends ServiceTx> {
  database: ServiceDatabase<Tx>;
  leases: ShardLeases;
  /** By its own monotonic time; has heard of the database by what it asked through `leases`. */
  clock: DatabaseClock;
}

/** One that loses its connections on command. */
export interface FaultyReplica<Tx extends ServiceTx> extends Replica<Tx> {
  /** Every connection it has, once. */
  cut(): void;
  /** The next commit takes place, and its answer is lost. */
  loseCommitAnswer(): void;
}

/** What an implementation brings to the contract: an empty, migrated database and its clock. */
export interface DatabaseUnderTest<Tx extends ServiceTx> {
  things: Things<Tx>;
  replica(owner: string): Promise<Replica<Tx>>;
  faultyReplica(owner: string): Promise<FaultyReplica<Tx>>;
  /** The clock by which leases run out, in milliseconds. */
  nowMs(): number;
  /** From here on this transaction may sit idle, and wait, for as long as it likes. */
  patiently(tx: Tx): Promise<void>;
  /** How many transactions wait for a lock of another right now. */
  blocked(): Promise<number>;
  /** Lets time pass until the condition holds; throws when it does not within `limitMs`. */
  eventually(condition: () => boolean | Promise<boolean>, limitMs?: number): Promise<void>;
  close(): Promise<void>;
}

/** Two processes on one database. */
export interface TwoReplicas<Tx extends ServiceTx> {
  under: DatabaseUnderTest<Tx>;
  one: Replica<Tx>;
  two: Replica<Tx>;
}

/**
 * Gives each test of the suite two replicas on an empty database, and closes it after it. The answer
 * writes and reads things by their text alone, each in a transaction of its own.
 *
 * @param begin is handed what the next test is about
 */
export function onTwoReplicas<Tx extends ServiceTx>(
  open: () => Promise<DatabaseUnderTest<Tx>>,
  begin: (own: TwoReplicas<Tx>) => void,
) {
  let under: DatabaseUnderTest<Tx>;
  beforeEach(async () => {
    under = await open();
    begin({ under, one: await under.replica('one'), two: await under.replica('two') });
  });
  afterEach(() => under.close());
  return {
    put: ({ database }: Replica<Tx>, key: string, text: string): Promise<void> =>
      database.transaction((tx) => under.things.put(tx, key, { text, claim: null })),
    read: ({ database }: Replica<Tx>, key: string): Promise<string | undefined> =>
      database.transaction(async (tx) => (await under.things.read(tx, key))?.text),
  };
}

/** A promise that the test itself settles: holds a transaction open until something was seen. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
