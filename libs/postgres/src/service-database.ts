/**
 * The database as a service sees it: one transaction that holds the state, the inbox, the outbox,
 * the timers and the proof of ownership together. A service adds its own tables by its own `Tx`.
 *
 * Two implementations stand behind it, Postgres and an in-memory twin; one contract suite runs
 * against both, so what is written here is what both do.
 */

/** A message that is sent by the relay after the commit: the finished thing with its id. */
export interface OutgoingMessage {
  shard: number;
  topic: string;
  key: string;
  value: string;
  headers?: Record<string, string>;
}

/**
 * Points at a thing the service expands itself when it relays (the orchestrator: a fact).
 * Cheap to write: a few bytes where the message would have been hundreds.
 */
export interface OutgoingPointer {
  shard: number;
  /** A UUID. */
  subject: string;
  position: number;
}

/** A row waiting to be relayed; exactly one of `message` and `pointer` is set. */
export interface OutboxRow {
  /** Ascending with the order of writing; a decimal string, because it outgrows a double. */
  id: string;
  shard: number;
  message: OutgoingMessage | null;
  pointer: OutgoingPointer | null;
}

/** Work that is due at a time. There is one per (subject, kind); arming it again replaces it. */
export interface Timer {
  shard: number;
  /** A UUID. */
  subject: string;
  kind: string;
  /** Milliseconds since 1970, whole. */
  atMs: number;
}

/** The right to drive a shard. A new owner has a higher epoch than every one before it. */
export interface Lease {
  shard: number;
  epoch: number;
}

/** A lease that a transaction wanted to hold belongs to somebody else, or to nobody, by now. */
export class StaleEpochError extends Error {
  override readonly name = 'StaleEpochError';

  constructor(readonly leases: readonly Lease[]) {
    const stale = leases
      .map(({ shard, epoch }) => `${String(shard)} at epoch ${String(epoch)}`)
      .join(', ');
    super(`no longer the owner of shard ${stale}`);
  }
}

/**
 * 40001, 40P01, a lost connection, a shutdown, a timeout: the whole transaction can be tried again.
 * `outcome` is `unknown` when the answer to the commit itself was lost: then it may have happened,
 * and what makes the second try harmless is the inbox or a guard in the service's own statements.
 */
export class TransientDatabaseError extends Error {
  override readonly name = 'TransientDatabaseError';
  readonly outcome: 'rolled back' | 'unknown';

  constructor(
    message: string,
    options: { cause?: unknown; outcome?: 'rolled back' | 'unknown' } = {},
  ) {
    super(message, { cause: options.cause });
    this.outcome = options.outcome ?? 'rolled back';
  }
}

/** A unique constraint refused a row (Postgres: 23505). The transaction cannot go on. */
export class UniqueViolationError extends Error {
  override readonly name = 'UniqueViolationError';

  constructor(
    readonly table: string,
    readonly constraint: string,
    options: { cause?: unknown } = {},
  ) {
    super(`${table}: a row with the same ${constraint} exists`, options);
  }
}

/**
 * What every service can do inside its transaction. Nothing of it is visible to others before the
 * commit, and nothing is left of it when `work` throws. Every list may be empty.
 */
export interface ServiceTx {
  /**
   * The inbox: returns the keys that were not seen before, and records them. Waits for another
   * transaction that is recording one of the same keys, and then knows whether it committed.
   */
  admit(keys: readonly string[]): Promise<Set<string>>;

  /** Puts messages in the outbox, in this order. */
  send(messages: readonly OutgoingMessage[]): Promise<void>;

  /** Puts pointers in the outbox, in this order. */
  point(pointers: readonly OutgoingPointer[]): Promise<void>;

  /** Arms timers; of two with the same subject and kind in one call, the later stands. */
  arm(timers: readonly Timer[]): Promise<void>;

  /** Disarms timers; one that is not armed is no error. */
  disarm(timers: readonly { subject: string; kind: string }[]): Promise<void>;

  /**
   * Proves and keeps the ownership until the end of the transaction: no takeover of these shards
   * can commit while it lives. Throws `StaleEpochError` when owner or epoch differ.
   */
  holdLeases(leases: readonly Lease[]): Promise<void>;

  /**
   * Tells the listeners of this service, after the commit, that these subjects changed. Only those
   * use it who are not the owner: an owner wakes itself, and notifications slow commits down.
   */
  tell(subjects: readonly string[]): Promise<void>;
}

/** The database of one service, seen by one replica of it. Port and injection token. */
// Tx stands once in the signature, but a service's own tables are reached through it alone.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export abstract class ServiceDatabase<Tx extends ServiceTx> {
  /**
   * Runs `work` in one READ COMMITTED transaction and commits when it resolves. Throws what `work`
   * throws after rolling back; errors of the database that a second try may cure come as
   * `TransientDatabaseError`. It does not try again by itself.
   */
  abstract transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;

  /**
   * The oldest outbox rows of these shards by id, at most `limit`, without a lock: only the owner
   * of a shard relays it. Rows of one subject, written under its row lock, come in commit order.
   */
  abstract takeOutbox(shards: readonly number[], limit: number): Promise<OutboxRow[]>;

  /**
   * Removes rows that the broker has acknowledged. A crash right after it may bring them back:
   * whoever relays must expect to send one twice.
   */
  abstract dropOutbox(ids: readonly string[]): Promise<void>;

  /**
   * Timers of these shards due at `nowMs`, the longest due first, at most `limit`. They stay: the
   * decision that acts on one disarms it, or arms it anew, in its own transaction.
   */
  abstract dueTimers(shards: readonly number[], nowMs: number, limit: number): Promise<Timer[]>;

  /**
   * Forgets inbox keys older than `olderThanMs` (an age), at most `limit`; returns how many. To be
   * called again at once while it returns `limit`. The age must exceed the topics' retention, or a
   * replayed message would be taken for a new one.
   */
  abstract purgeInbox(olderThanMs: number, limit: number): Promise<number>;

  /**
   * Clears the rests of relayed rows away, without waiting for anyone. Every ten seconds or so
   * under load: every look at the outbox passes over all that were dropped since the last time.
   */
  abstract reclaim(): Promise<void>;

  /**
   * Calls `onTold` with the subjects others told of, over a connection of its own that comes back
   * by itself. An empty list says that some may have been missed while it was away. A hint only:
   * rows decide. Resolves, when listening, with the function that ends it.
   */
  abstract listen(onTold: (subjects: string[]) => void): Promise<() => Promise<void>>;

  /**
   * What time it is by the database's clock, ms since 1970, at some moment between call and answer
   * (`DatabaseClock`). Throws `TransientDatabaseError`.
   */
  abstract nowMs(): Promise<number>;

  /** Whether the database answers now, within a second. Never throws. */
  abstract isReachable(): Promise<boolean>;

  /** Ends all connections, once what is under way has ended. */
  abstract close(): Promise<void>;
}
