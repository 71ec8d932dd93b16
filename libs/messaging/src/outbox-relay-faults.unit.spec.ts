import { expect, it } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { parseDeadLetter } from './dead-letters.js';
import { MessageProducer, type BusMessage } from './message-bus.js';
import { MESSAGE_MAX_BYTES, RELAY_BATCH_MAX_ROWS } from './messaging-limits.js';
import { noMeter } from './messaging-meter.js';
import { OutboxRelay, OutboxSource, type OutboxEntry } from './outbox-relay.js';

/** Two batches; entries cannot be read any more after the first when `isAway`. */
class ShortSource extends OutboxSource {
  isAway = false;
  #takes = 0;

  constructor(private rows: OutboxEntry[]) {
    super();
  }
  override take(limit: number, _: number, except: ReadonlySet<string>): Promise<OutboxEntry[]> {
    this.#takes += 1;
    if (this.isAway && this.#takes > 1) return Promise.reject(new Error('database away'));
    return Promise.resolve(this.rows.filter(({ id }) => !except.has(id)).slice(0, limit));
  }
  override done(ids: string[]): Promise<void> {
    this.rows = this.rows.filter(({ id }) => !ids.includes(id));
    return Promise.resolve();
  }
}

class KeepingProducer extends MessageProducer {
  readonly sent: BusMessage[] = [];
  override publish(messages: readonly BusMessage[]): Promise<void> {
    this.sent.push(...messages);
    return Promise.resolve();
  }
  override isConnected(): boolean {
    return true;
  }
}

function relayOf(rows: OutboxEntry[]) {
  const [source, producer] = [new ShortSource(rows), new KeepingProducer()];
  const relay = new OutboxRelay(source, producer, new SteppedClock(), noMeter);
  return { source, producer, relay };
}

const entry = (id: number, value: string): OutboxEntry => {
  return { id: String(id), messages: [{ topic: 't', key: 'k', value }] };
};

it('a run that could not read what comes next says so, and the next run sends it', async () => {
  const rows = Array.from({ length: RELAY_BATCH_MAX_ROWS + 1 }, (_, id) => entry(id, String(id)));
  const { source, producer, relay } = relayOf(rows);
  source.isAway = true;
  await expect(relay.relayOnce()).rejects.toThrow('database away');
  source.isAway = false;
  await relay.relayOnce();
  expect(new Set(producer.sent.map(({ value }) => value)).size).toBe(rows.length);
  expect(await relay.relayOnce()).toBe(0);
});

it.each([
  ['ä', 2],
  ['語', 3],
])('a message is as large as its bytes, not its letters: %s', async (letter, bytes) => {
  const letters = Math.ceil(MESSAGE_MAX_BYTES / bytes) + 1;
  const { producer, relay } = relayOf([entry(1, letter.repeat(letters)), entry(2, 'behind it')]);
  await relay.relayOnce();
  expect(producer.sent.map(({ topic }) => topic)).toEqual(['t.dlq', 't']);
  expect(parseDeadLetter(producer.sent[0]?.value ?? null)).toMatchObject({ topic: 't' });
});
