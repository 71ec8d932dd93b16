import type { OutboxEntry, OutboxSource } from '#messaging/outbox-relay.js';
import type { BusMessage } from '#messaging/message-bus.js';
import { progressEventTexts } from '#contracts/progress-event-texts.js';
import { TOPICS } from '#contracts/topics.js';
import type { OutboxRow } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { ExecutionStore, LocatedFact } from './persistence/execution.store.js';

/** What of the database the relay needs. */
interface OutboxRows {
  takeOutbox(shards: readonly number[], limit: number): Promise<OutboxRow[]>;
  dropOutbox(ids: readonly string[]): Promise<void>;
}

const NO_MESSAGES: readonly BusMessage[] = [];

/** The outbox of owned shards: messages as they stand, pointers turned into progress events. */
export class ProgressOutbox implements OutboxSource {
  constructor(
    private readonly rows: OutboxRows,
    private readonly store: ExecutionStore,
    private readonly leases: ShardLeases,
  ) {}

  async take(limit: number, bytes: number, except: ReadonlySet<string>): Promise<OutboxEntry[]> {
    const shards = this.leases.heldNow().map(({ shard }) => shard);
    const rows = await this.rows.takeOutbox(shards, limit + except.size);
    const fresh = rows.filter(({ id }) => !except.has(id)).slice(0, limit);
    const events = await this.#eventsOf(fresh);
    const entries: OutboxEntry[] = [];
    let taken = 0;
    for (const row of fresh) {
      if (taken >= bytes) break;
      const messages = row.message === null ? events(row) : [row.message];
      for (const { value } of messages) taken += value.length;
      entries.push({ id: row.id, messages });
    }
    return entries;
  }

  async done(ids: string[]): Promise<void> {
    await this.rows.dropOutbox(ids);
  }

  /** Pointers are expanded with one question to the database for all of them. */
  async #eventsOf(rows: readonly OutboxRow[]): Promise<(row: OutboxRow) => readonly BusMessage[]> {
    const pointers = rows.flatMap(({ pointer }) =>
      pointer === null ? [] : [{ executionId: pointer.subject, sequence: pointer.position }],
    );
    if (pointers.length === 0) return () => NO_MESSAGES;
    const facts = new Map<string, LocatedFact>();
    for (const located of await this.store.resolvedFacts(pointers)) {
      facts.set(`${located.head.executionId}/${String(located.fact.sequence)}`, located);
    }
    return ({ pointer }) => {
      const located = facts.get(`${String(pointer?.subject)}/${String(pointer?.position)}`);
      if (located === undefined) return NO_MESSAGES;
      const key = located.head.executionId;
      return progressEventTexts(located.fact, located.head).map((value) => {
        return { topic: TOPICS.progress, key, value };
      });
    };
  }
}
