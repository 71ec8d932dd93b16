import type { OutgoingPointer, OutboxRow } from '#postgres/service-database.js';
import type { ServiceDatabase, ServiceTx } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { BusMessage } from './message-bus.js';
import { OutboxSource, type OutboxEntry } from './outbox-relay.js';

/** Makes the messages each pointer stands for, in the pointers' order; none for one that is lost. */
export type ExpandPointers = (
  pointers: readonly OutgoingPointer[],
) => Promise<readonly (readonly BusMessage[])[]>;

const expectNone: ExpandPointers = (pointers) =>
  pointers.length === 0
    ? Promise.resolve([])
    : Promise.reject(new Error('this service writes no pointers'));

/** The outbox table of a service, as far as this replica owns it right now. */
export class DatabaseOutbox extends OutboxSource {
  constructor(
    private readonly database: Pick<ServiceDatabase<ServiceTx>, 'takeOutbox' | 'dropOutbox'>,
    private readonly leases: Pick<ShardLeases, 'heldNow'>,
    private readonly expand: ExpandPointers = expectNone,
  ) {
    super();
  }

  override async take(
    limit: number,
    bytes: number,
    except: ReadonlySet<string>,
  ): Promise<OutboxEntry[]> {
    const shards = this.leases.heldNow().map(({ shard }) => shard);
    if (shards.length === 0) return [];
    const rows = await this.database.takeOutbox(shards, limit + except.size);
    const fresh = rows.filter((row) => !except.has(row.id)).slice(0, limit);
    const pointed = fresh.flatMap(({ pointer }) => (pointer === null ? [] : [pointer]));
    const expanded = new Map((await this.expand(pointed)).map((made, at) => [pointed[at], made]));
    return upTo(bytes, fresh, (row) => messagesOf(row, expanded));
  }

  override done(ids: string[]): Promise<void> {
    return this.database.dropOutbox(ids);
  }
}

function messagesOf(
  { message, pointer }: OutboxRow,
  expanded: ReadonlyMap<OutgoingPointer | undefined, readonly BusMessage[]>,
): readonly BusMessage[] {
  if (message === null) return expanded.get(pointer ?? undefined) ?? [];
  const { topic, key, value, headers } = message;
  return [{ topic, key, value, ...(headers && { headers }) }];
}

/** Entries until their values have reached `bytes`. */
function upTo(
  bytes: number,
  rows: readonly OutboxRow[],
  made: (row: OutboxRow) => readonly BusMessage[],
): OutboxEntry[] {
  const entries: OutboxEntry[] = [];
  let taken = 0;
  for (const row of rows) {
    if (taken >= bytes) break;
    const messages = made(row);
    for (const { value } of messages) taken += value.length;
    entries.push({ id: row.id, messages });
  }
  return entries;
}
