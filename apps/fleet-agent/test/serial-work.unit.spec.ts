import { expect, it } from '@jest/globals';
import { SerialWork } from '../src/fleet/serial-work.js';

/** Work that ends a turn after it was told to stop, or when it is let go. */
function held(name: string, log: string[]) {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const work = async (signal: AbortSignal): Promise<void> => {
    log.push(`${name} begins`);
    const stopped = new Promise((stop) => signal.addEventListener('abort', stop));
    if (!signal.aborted) await Promise.race([promise, stopped]);
    await new Promise((turn) => setImmediate(turn));
    log.push(`${name} ends${signal.aborted ? ', stopped' : ''}`);
  };
  return { work, letGo: () => resolve(undefined) };
}

it('new work stops the present one, waits for its end, and takes its place', async () => {
  const [serial, log] = [new SerialWork(), [] as string[]];
  const [first, second] = [held('first', log), held('second', log)];
  const one = serial.run('a', first.work);
  await new Promise((turn) => setImmediate(turn));
  const two = serial.run('a', second.work);
  await one;
  second.letGo();
  await two;
  expect(log).toEqual(['first begins', 'first ends, stopped', 'second begins', 'second ends']);
});

it('of three, the second never runs beside another, and the last stays', async () => {
  const [serial, log] = [new SerialWork(), [] as string[]];
  const all = ['1', '2', '3'].map((name) => held(name, log));
  const runs = all.map(({ work }) => serial.run('a', work));
  all[1]?.letGo();
  await Promise.all(runs.slice(0, 2));
  all[2]?.letGo();
  await Promise.all(runs);
  const open = log.map((line) => (line.includes('begins') ? 1 : -1));
  let beside = 0;
  for (const change of open) {
    beside += change;
    expect(beside).toBeLessThanOrEqual(1);
  }
  expect(log.at(-1)).toBe('3 ends');
});

it('work of other keys goes on beside it, and stop waits until it has ended', async () => {
  const [serial, log] = [new SerialWork(), [] as string[]];
  const [a, b] = [held('a', log), held('b', log)];
  void serial.run('a', a.work);
  const other = serial.run('b', b.work);
  await new Promise((turn) => setImmediate(turn));
  expect(log).toEqual(['a begins', 'b begins']);
  await serial.stop('a');
  expect(log.at(-1)).toBe('a ends, stopped');
  b.letGo();
  await other;
  expect(log.at(-1)).toBe('b ends');
  await serial.stop('nobody');
});
