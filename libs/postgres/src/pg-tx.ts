import type { ClientBase, QueryConfig, QueryResult } from 'pg';
import { openingQuery } from './opening-query.js';
import { translated, translatedBeforeCommit, translatedCommit } from './pg-errors.js';
import { NOTIFICATION_BYTES_MAX } from './postgres-limits.js';
import {
  type Lease,
  type OutgoingMessage,
  type OutgoingPointer,
  type ServiceTx,
  StaleEpochError,
  type Timer,
} from './service-database.js';

/** A transaction on Postgres: the plumbing, and the service's own statements. */
export interface PgTx extends ServiceTx {
  /**
   * Runs one statement and returns its rows. With a `name`, unique for its text, it is prepared
   * once per connection: for hot paths. With '' it is not.
   *
   * Statements are sent at once, in the order of the calls, without waiting for earlier answers:
   * `Promise.all` costs one round trip. One that nobody waits for is part of the transaction all
   * the same: its failure fails the commit.
   */
  query<Row>(name: string, text: string, values: unknown[]): Promise<Row[]>;
}

/** Who runs the transaction, and on which channel the service's replicas listen. */
export interface TxPlace {
  owner: string;
  channel: string;
}

// Keys come sorted: transactions that record the same ones wait for each other in one direction.
const ADMIT = `
  INSERT INTO inbox (key) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING key`;

const SEND = `
  INSERT INTO outbox (shard, topic, message_key, headers, value)
  SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::json[], $5::text[])`;

const POINT = `
  INSERT INTO outbox (shard, subject, position)
  SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::bigint[])`;

// A timer armed again for the same time writes nothing.
const ARM = `
  INSERT INTO due_work (subject, kind, shard, at)
  SELECT subject, kind, shard, to_timestamp(at_ms / 1000)
  FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::float8[]) AS t(subject, kind, shard, at_ms)
  ON CONFLICT (subject, kind) DO UPDATE SET shard = excluded.shard, at = excluded.at
  WHERE (due_work.shard, due_work.at) <> (excluded.shard, excluded.at)`;

const DISARM = `
  DELETE FROM due_work w USING unnest($1::uuid[], $2::text[]) AS d(subject, kind)
  WHERE w.subject = d.subject AND w.kind = d.kind`;

// FOR KEY SHARE and not FOR SHARE: it keeps a takeover out (which locks FOR UPDATE) as well, and
// lets the owner's own renewal through. That one would starve behind overlapping transactions.
const HOLD = `
  SELECT l.shard FROM shard_leases l
  JOIN unnest($1::smallint[], $2::int[]) AS h(shard, epoch) USING (shard, epoch)
  WHERE l.owner = $3 FOR KEY SHARE OF l`;

const TELL = `SELECT pg_notify($1, subjects) FROM unnest($2::text[]) AS subjects`;

export class PgServiceTx implements PgTx {
  private opened = false;
  private over = false;
  private failed: { error: unknown } | null = null;
  /** Proofs whose answer the commit must wait for, because the server cannot refuse by itself. */
  private readonly proofs: Promise<void>[] = [];

  constructor(
    private readonly client: ClientBase,
    private readonly place: TxPlace,
  ) {}

  query<Row>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    const sent = this.run({ text, values, ...(name !== '' && { name }) });
    return mayBeLeft(sent.then(({ rows }) => rows as Row[]));
  }

  admit(keys: readonly string[]): Promise<Set<string>> {
    if (keys.length === 0) return Promise.resolve(new Set());
    const sent = this.query<{ key: string }>('plumbing.admit', ADMIT, [[...keys].sort()]);
    return mayBeLeft(sent.then((rows) => new Set(rows.map(({ key }) => key))));
  }

  send(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.write('plumbing.send', SEND, messages, [
      messages.map(({ shard }) => shard),
      messages.map(({ topic }) => topic),
      messages.map(({ key }) => key),
      messages.map(({ headers }) => (headers ? JSON.stringify(headers) : null)),
      messages.map(({ value }) => value),
    ]);
  }

  point(pointers: readonly OutgoingPointer[]): Promise<void> {
    return this.write('plumbing.point', POINT, pointers, [
      pointers.map(({ shard }) => shard),
      pointers.map(({ subject }) => subject),
      pointers.map(({ position }) => position),
    ]);
  }

  arm(timers: readonly Timer[]): Promise<void> {
    // One statement may not touch a row twice; and in one order, against deadlocks.
    const last = new Map(timers.map((timer) => [`${timer.subject}/${timer.kind}`, timer]));
    const sorted = [...last].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, timer]) => timer);
    return this.write('plumbing.arm', ARM, sorted, [
      sorted.map(({ subject }) => subject),
      sorted.map(({ kind }) => kind),
      sorted.map(({ shard }) => shard),
      sorted.map(({ atMs }) => atMs),
    ]);
  }

  disarm(timers: readonly { subject: string; kind: string }[]): Promise<void> {
    return this.write('plumbing.disarm', DISARM, timers, [
      timers.map(({ subject }) => subject),
      timers.map(({ kind }) => kind),
    ]);
  }

  holdLeases(leases: readonly Lease[]): Promise<void> {
    const proof = mayBeLeft(this.prove(leases));
    this.proofs.push(proof);
    return proof;
  }

  tell(subjects: readonly string[]): Promise<void> {
    const texts = notifications(subjects);
    return this.write('plumbing.tell', TELL, subjects, [this.place.channel, texts]);
  }

  /** Ends the transaction; throws the first failure of any of its statements, seen or not. */
  async commit(): Promise<void> {
    await Promise.allSettled(this.proofs);
    this.over = true;
    this.refuseAfterFailure();
    if (!this.opened) return;
    const { command } = await this.submit({ text: 'COMMIT' }).catch((error: unknown) => {
      this.refuseAfterFailure();
      throw translatedCommit(error);
    });
    // The server answers ROLLBACK to the commit of a transaction in which a statement failed.
    this.refuseAfterFailure();
    if (command !== 'COMMIT') throw new Error(`commit was answered with ${command}`);
  }

  /** Ends the transaction without a trace. Never throws: a connection that broke has done it. */
  async rollback(): Promise<void> {
    this.over = true;
    if (this.opened) await this.submit({ text: 'ROLLBACK' }).catch(() => undefined);
  }

  private async prove(leases: readonly Lease[]): Promise<void> {
    if (leases.length === 0) return;
    const held = await this.query<{ shard: number }>('plumbing.hold', HOLD, [
      leases.map(({ shard }) => shard),
      leases.map(({ epoch }) => epoch),
      this.place.owner,
    ]);
    const stale = leases.filter((lease) => !held.some(({ shard }) => shard === lease.shard));
    if (stale.length === 0) return;
    const error = new StaleEpochError(stale);
    this.failed ??= { error };
    throw error;
  }

  private write(
    name: string,
    text: string,
    rows: readonly unknown[],
    values: unknown[],
  ): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    return mayBeLeft(this.query(name, text, values).then(() => undefined));
  }

  private async run(config: QueryConfig): Promise<QueryResult> {
    if (this.over) throw new Error('this transaction is over');
    this.refuseAfterFailure();
    try {
      return await this.submit(config);
    } catch (error) {
      const said = this.said(error);
      this.failed ??= { error: said };
      throw said;
    }
  }

  // A statement that nobody waited for may fail when the commit has been sent.
  private said(error: unknown): unknown {
    return this.over ? translatedBeforeCommit(error) : translated(error);
  }

  // After its first failure a transaction says nothing else: neither in a statement nor at the end.
  private refuseAfterFailure(): void {
    if (this.failed) throw this.failed.error;
  }

  private submit(config: QueryConfig): Promise<QueryResult> {
    return new Promise((resolve, reject) => {
      const answered = (error: Error | null | undefined, result: QueryResult): void => {
        if (error) reject(error);
        else resolve(result);
      };
      if (this.opened) {
        this.client.query(config, answered);
        return;
      }
      this.opened = true;
      const send = this.client.query.bind(this.client) as unknown as (
        query: unknown,
        callback: typeof answered,
      ) => void;
      send(openingQuery(config), answered);
    });
  }
}

// The commit tells of every failure; a promise nobody waits for must not end the process besides.
function mayBeLeft<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

// Few notifications, each as full as it may be: UUIDs, so one character is one byte.
function notifications(subjects: readonly string[]): string[] {
  const texts: string[] = [];
  for (const subject of new Set(subjects)) {
    const last = texts.at(-1);
    if (last !== undefined && last.length + 1 + subject.length <= NOTIFICATION_BYTES_MAX) {
      texts[texts.length - 1] = `${last},${subject}`;
    } else {
      texts.push(subject);
    }
  }
  return texts;
}
