import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { ManualClock } from '#testing/manual-clock.js';
import { BatchDelivery, isTransientFault } from './batch-delivery.js';
import { DeadLetters } from './dead-letters.js';
import type { IncomingMessage } from './incoming-message.js';
import { HANDLER_BATCH_MAX } from './messaging-limits.js';
import { noMeter } from './messaging-meter.js';

class Away extends Error {
  override readonly name = 'TransientDatabaseError';
}
class Ended extends Error {}

class FailingLetters extends DeadLetters {
  tries = 0;
  override bury(): Promise<void> {
    this.tries += 1;
    return Promise.reject(new Error('no letter can be written'));
  }
}

/** A consumer whose delivery must end after so many questions whether it may go on. */
function endsAfter(asks: number) {
  let asked = 0;
  const settled: string[] = [];
  return {
    settled,
    consumption: {
      mayGoOn: () => {
        asked += 1;
        if (asked > asks) throw new Ended();
      },
      settled: ({ offset }: IncomingMessage) => void settled.push(offset),
      signal: new AbortController().signal,
    },
  };
}

const message: IncomingMessage = {
  ...{ topic: 'commands', partition: 0, offset: '7', key: 'k', headers: {} },
  value: Buffer.from('{}'),
};
const deadLetters = new FailingLetters();
const rules = { isTransient: isTransientFault, deadLetters, clock: new ManualClock() };
const delivery = new BatchDelivery({ ...rules, random: () => 0, log: silentLog, meter: noMeter });

it('a delivery that must end begins no further try, and settles nothing', async () => {
  const { settled, consumption } = endsAfter(2);
  let tries = 0;
  const handle = (): Promise<void> => {
    tries += 1;
    if (tries > 5) throw new Error('it goes on for ever');
    return Promise.reject(new Away());
  };
  await expect(delivery.deliver([message], handle, consumption)).rejects.toThrow(Ended);
  expect({ tries, settled }).toEqual({ tries: 2, settled: [] });
});

it('a message whose letter cannot be written is not passed over', async () => {
  const { settled, consumption } = endsAfter(4);
  const handle = (): Promise<void> => Promise.reject(new Error('a bad message'));
  await expect(delivery.deliver([message], handle, consumption)).rejects.toThrow(Ended);
  expect({ tries: deadLetters.tries, settled }).toEqual({ tries: 3, settled: [] });
});

it('each message of a batch is handled once, and so many at a time', async () => {
  const { settled, consumption } = endsAfter(100);
  const count = 2 * HANDLER_BATCH_MAX + 1;
  const batch = Array.from({ length: count }, (_, at) => ({ ...message, offset: String(at) }));
  const handled: string[][] = [];
  const handle = (messages: IncomingMessage[]): Promise<void> => {
    handled.push(messages.map(({ offset }) => offset));
    return Promise.resolve();
  };
  await delivery.deliver(batch, handle, consumption);
  expect(handled.map(({ length }) => length)).toEqual([HANDLER_BATCH_MAX, HANDLER_BATCH_MAX, 1]);
  expect(handled.flat()).toEqual(batch.map(({ offset }) => offset));
  expect(settled).toEqual(handled.map((offsets) => offsets.at(-1)));
});

it('tries of what may pass come ever more seldom', async () => {
  const { consumption } = endsAfter(5);
  const atMs: number[] = [];
  const handle = (): Promise<void> => {
    atMs.push(rules.clock.nowMs());
    return Promise.reject(new Away());
  };
  await expect(delivery.deliver([message], handle, consumption)).rejects.toThrow(Ended);
  const pauses = atMs.slice(1).map((ms, at) => ms - (atMs[at] ?? 0));
  expect(pauses).toEqual([25, 50, 100, 200]);
});

it('a pause is not waited out when the delivery must end', async () => {
  const clock = new SteppedClock();
  const ending = new AbortController();
  const { consumption } = endsAfter(1);
  const paused = new BatchDelivery({
    ...{ ...rules, clock },
    ...{ random: () => 0, log: silentLog, meter: noMeter },
  });
  const handle = (): Promise<void> => Promise.reject(new Away());
  const delivered = paused.deliver([message], handle, { ...consumption, signal: ending.signal });
  const ended = expect(delivered).rejects.toThrow(Ended);
  await clock.settle();
  expect(clock.sleeping).toBe(1);
  ending.abort();
  await ended;
});
