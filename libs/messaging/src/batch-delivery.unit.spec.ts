import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { ManualClock } from '#testing/manual-clock.js';
import { BatchDelivery, isTransientFault } from './batch-delivery.js';
import { DeadLetters } from './dead-letters.js';
import type { IncomingMessage } from './incoming-message.js';
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
