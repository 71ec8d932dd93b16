import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { Shutdown } from '#runtime/shutdown.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { arrangeEnd } from './service-process.js';

it('a service takes nothing more, sends what is left, gives its shards back, leaves and closes', async () => {
  const clock = new SteppedClock();
  const done: string[] = [];
  const codes: number[] = [];
  const lasting = (name: string) => async (): Promise<void> => {
    done.push(`${name}…`);
    await clock.sleep(10);
    done.push(name);
  };
  const shutdown = new Shutdown(1_000, clock, silentLog, (code) => codes.push(code));
  const producer = { close: lasting('producer') };
  const database = { close: lasting('database') };
  const loops = { flush: lasting('relay'), giveShardsBack: lasting('leases') };
  const app = { close: lasting('app') };
  const transport = { stopTaking: lasting('consumer') };
  const ground = { shutdown, producer, database } as never;
  arrangeEnd(ground, app, transport, { stop: lasting('work'), loops: loops as never });
  const ended = shutdown.run('SIGTERM');
  await clock.advance(100);
  await ended;
  const stages = [['consumer', 'work'], ['relay'], ['leases'], ['app'], ['producer', 'database']];
  expect(done).toEqual(stages.flatMap((names) => [...names.map((name) => `${name}…`), ...names]));
  expect(codes).toEqual([0]);
});
