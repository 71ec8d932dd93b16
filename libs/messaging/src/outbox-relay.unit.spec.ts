import { describe, expect, it } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { parseDeadLetter } from './dead-letters.js';
import { MessageProducer, type BusMessage } from './message-bus.js';
import { RELAY_BATCHES_PER_RUN, RELAY_BATCH_MAX_ROWS } from './messaging-limits.js';
import { noMeter } from './messaging-meter.js';
import { OutboxRelay, OutboxSource, type OutboxEntry } from './outbox-relay.js';

function entry(id: number, bytes = 1): OutboxEntry {
  const value = String(id).padEnd(bytes, ' ');
  return { id: String(id), messages: [{ topic: 't', key: `k${String(id % 3)}`, value }] };
}

class ArraySource extends OutboxSource {
  readonly events: string[];
  failDone = false;

  constructor(
    public rows: OutboxEntry[],
    events: string[],
  ) {
    super();
    this.events = events;
  }

  override take(limit: number, bytes: number, except: ReadonlySet<string>): Promise<OutboxEntry[]> {
    const taken: OutboxEntry[] = [];
    let size = 0;
    for (const row of this.rows) {
      if (except.has(row.id)) continue;
      if (taken.length === limit || size >= bytes) break;
      taken.push(row);
      for (const message of row.messages) size += message.value.length;
    }
    this.events.push(`take ${String(taken.length)}`);
    return Promise.resolve(taken);
  }

  override done(ids: string[]): Promise<void> {
    if (this.failDone) return Promise.reject(new Error('database away'));
    this.events.push(`done ${String(ids.length)}`);
    const gone = new Set(ids);
    this.rows = this.rows.filter((row) => !gone.has(row.id));
    return Promise.resolve();
  }
}

class KeepingProducer extends MessageProducer {
  readonly sent: BusMessage[] = [];
  /** Set: a publish is answered when the test says so. */
  gate: Promise<void> | undefined;
  fail = false;
  underWay = 0;

  constructor(private readonly events: string[]) {
    super();
  }

  override async publish(messages: readonly BusMessage[]): Promise<void> {
    this.underWay += 1;
    expect(this.underWay).toBe(1);
    this.events.push(`publish ${String(messages.length)}`);
    await this.gate;
    this.underWay -= 1;
    if (this.fail) throw new Error('broker away');
    this.sent.push(...messages);
    this.events.push('acknowledged');
  }

  override isConnected(): boolean {
    return true;
  }
}

function scene(rows: OutboxEntry[]): {
  events: string[];
  source: ArraySource;
  producer: KeepingProducer;
  relay: OutboxRelay;
} {
  const events: string[] = [];
  const source = new ArraySource(rows, events);
  const producer = new KeepingProducer(events);
  const relay = new OutboxRelay(source, producer, new SteppedClock(), noMeter);
  return { events, source, producer, relay };
}

const range = (count: number, bytes?: number): OutboxEntry[] =>
  Array.from({ length: count }, (_, index) => entry(index, bytes));

describe('the outbox relay', () => {
  it('removes rows only after the broker has acknowledged them', async () => {
    const { events, source, relay } = scene(range(3));
    await expect(relay.relayOnce()).resolves.toBe(3);
    expect(events).toEqual(['take 3', 'publish 3', 'acknowledged', 'done 3']);
    expect(source.rows).toEqual([]);
  });

  it('keeps all rows when the publish fails, and sends them again', async () => {
    const { source, producer, relay } = scene(range(3));
    producer.fail = true;
    await expect(relay.relayOnce()).rejects.toThrow('broker away');
    expect(source.rows).toHaveLength(3);
    producer.fail = false;
    await expect(relay.relayOnce()).resolves.toBe(3);
  });

  it('sends again what was acknowledged but could not be removed', async () => {
    const { source, producer, relay } = scene(range(3));
    source.failDone = true;
    await expect(relay.relayOnce()).rejects.toThrow('database away');
    source.failDone = false;
    await relay.relayOnce();
    expect(producer.sent).toHaveLength(6);
    expect(source.rows).toEqual([]);
  });

  it('sends a long outbox in order, in batches, reading the next while one is produced', async () => {
    const count = RELAY_BATCH_MAX_ROWS * 2 + 5;
    const { events, source, producer, relay } = scene(range(count));
    let open = (): void => undefined;
    producer.gate = new Promise((resolve) => {
      open = resolve;
    });
    const result = relay.relayOnce();
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    const full = String(RELAY_BATCH_MAX_ROWS);
    expect(events).toEqual([`take ${full}`, `publish ${full}`, `take ${full}`]);
    open();
    await expect(result).resolves.toBe(count);
    expect(producer.sent.map(({ value }) => value)).toEqual(range(count).map(({ id }) => id));
    expect(source.rows).toEqual([]);
    expect(events.filter((event) => event.startsWith('publish'))).toHaveLength(3);
  });

  it('bounds a batch by bytes and goes on behind it', async () => {
    const { producer, relay, source } = scene(range(5, 600_000));
    await expect(relay.relayOnce()).resolves.toBe(5);
    expect(producer.sent).toHaveLength(5);
    expect(source.events.filter((event) => event.startsWith('publish'))).toEqual([
      'publish 2',
      'publish 2',
      'publish 1',
    ]);
  });

  it('is one run at a time: a second call joins the first', async () => {
    const { producer, relay } = scene(range(3));
    const [first, second] = await Promise.all([relay.relayOnce(), relay.relayOnce()]);
    expect([first, second]).toEqual([3, 3]);
    expect(producer.sent).toHaveLength(3);
  });

  it('gives way after a bounded run and asks to be run again at once', async () => {
    const count = RELAY_BATCH_MAX_ROWS * RELAY_BATCHES_PER_RUN + 1;
    const { source, relay } = scene(range(count));
    await expect(relay.work()).resolves.toBe(0);
    expect(source.rows).toHaveLength(1);
    await expect(relay.work()).resolves.toBe(250);
    expect(source.rows).toHaveLength(0);
  });

  it('removes rows that stand for no message', async () => {
    const { events, relay } = scene([{ id: '1', messages: [] }]);
    await expect(relay.relayOnce()).resolves.toBe(1);
    expect(events).toEqual(['take 1', 'done 1']);
  });

  it('sends a dead letter for a message that no topic takes, and goes on behind it', async () => {
    const events: string[] = [];
    const source = new ArraySource([entry(1), entry(2, 1_200_000), entry(3)], events);
    const producer = new KeepingProducer(events);
    const clock = new SteppedClock(0);
    await new OutboxRelay(source, producer, clock, noMeter).relayOnce();
    expect(producer.sent.map(({ topic }) => topic)).toEqual(['t', 't.dlq', 't']);
    expect(parseDeadLetter(producer.sent[1]?.value ?? null)).toMatchObject({
      reason: expect.stringContaining('too large to be sent'),
      key: 'k2',
      bytes: 1_200_000,
      isCut: true,
    });
    expect(source.rows).toEqual([]);
  });
});
