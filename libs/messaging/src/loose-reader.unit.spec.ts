import { expect, it } from '@jest/globals';
import type { Kafka } from 'kafkajs';
import { eventually } from './eventually.js';
import { readLoosely } from './loose-reader.js';

const LIMIT_MS = 5_000;

/** A client that joins whenever it is run, and crashes when it is told to. */
function aClient() {
  const told: string[] = [];
  const listeners = new Map<string, (event: object) => void>();
  const fire = (event: string, payload: object = {}): void => listeners.get(event)?.({ payload });
  const consumer = {
    events: { GROUP_JOIN: 'GROUP_JOIN', CRASH: 'CRASH' },
    on: (event: string, listener: (event: object) => void) => listeners.set(event, listener),
    connect: () => Promise.resolve(),
    subscribe: () => Promise.resolve(),
    run: () => {
      told.push('run');
      fire('GROUP_JOIN');
      return Promise.resolve();
    },
    seek: ({ partition, offset }: { partition: number; offset: string }) => {
      told.push(`seek ${String(partition)}/${offset}`);
    },
    disconnect: () => Promise.resolve(),
  };
  const noAdmin = () => ({ connect: () => Promise.reject(new Error('no admin')) });
  const kafka = { consumer: () => consumer, admin: noAdmin } as unknown as Kafka;
  return {
    kafka,
    told,
    crash: (restart: boolean) => fire('CRASH', { restart, error: new Error() }),
  };
}

it('a reader that its client gives up on joins again and goes on where it was', async () => {
  const { kafka, told, crash } = aClient();
  const reader = await readLoosely(kafka, 'topic', new Map([[2, 7n]]), () => undefined);
  crash(true);
  crash(false);
  await eventually('it runs again', () => told.length === 4, LIMIT_MS);
  expect(told).toEqual(['run', 'seek 2/7', 'run', 'seek 2/7']);
  await reader.stop();
});

it('a reader that was stopped does not come back', async () => {
  const { kafka, told, crash } = aClient();
  const reader = await readLoosely(kafka, 'topic', new Map([[2, 7n]]), () => undefined);
  crash(false);
  await reader.stop();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual(['run', 'seek 2/7']);
});
