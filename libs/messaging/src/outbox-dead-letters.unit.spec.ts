import { describe, expect, test } from '@jest/globals';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { SHARDS } from '#postgres/shard-of.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { parseDeadLetter } from './dead-letters.js';
import type { IncomingMessage } from './incoming-message.js';
import { OutboxDeadLetters } from './outbox-dead-letters.js';

const EVERY_SHARD = Array.from({ length: SHARDS }, (_, shard) => shard);

function poison(offset: string): IncomingMessage {
  const value = Buffer.from('not json');
  return { topic: 'commands', partition: 2, offset, key: null, headers: {}, value };
}

describe('dead letters of a service', () => {
  test('stand in its outbox, once for each message however often it is buried', async () => {
    const clock = new SteppedClock(1_000);
    const database = new MemoryServiceDatabase({ nowMs: () => clock.nowMs() });
    let woken = 0;
    const letters = new OutboxDeadLetters(database, clock, () => (woken += 1));
    await letters.bury(poison('7'), 'it is not JSON');
    await letters.bury(poison('7'), 'it is not JSON');
    await letters.bury(poison('8'), 'nor is this');
    const rows = await database.takeOutbox(EVERY_SHARD, 10);
    expect(rows.map((row) => row.message?.topic)).toEqual(['commands.dlq', 'commands.dlq']);
    expect(parseDeadLetter(rows[0]?.message?.value ?? null)).toMatchObject({
      reason: 'it is not JSON',
      topic: 'commands',
      partition: 2,
      offset: '7',
    });
    expect(woken).toBe(3);
  });
});
