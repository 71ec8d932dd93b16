import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { DurableFile, readIfThere, writeDurably } from '../src/processes/durable-file.store.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'durable-'));
  path = join(folder, 'deep', 'file.json');
});
afterEach(() => rm(folder, { recursive: true }));

it('every save waits for a write that began after its change, however many come at once', async () => {
  let now = 0;
  const file = new DurableFile(path, () => String(now));
  const saves: Promise<void>[] = [];
  for (let change = 1; change <= 20; change += 1) {
    now = change;
    saves.push(
      file.save().then(async () => {
        expect(Number(await readFile(path, 'utf8'))).toBeGreaterThanOrEqual(change);
      }),
    );
    if (change % 3 === 0) await new Promise((turn) => setImmediate(turn));
  }
  await Promise.all(saves);
  expect(await readFile(path, 'utf8')).toBe('20');
});

it('a write that fails is told to who asked, and the next one is written', async () => {
  const file = new DurableFile(path, () => 'text');
  await writeDurably(path, 'before');
  await rm(join(folder, 'deep'), { recursive: true });
  await writeDurably(join(folder, 'deep'), 'a file where a folder belongs');
  const [first, second] = [file.save(), file.save()];
  await expect(first).rejects.toThrow();
  await expect(second).rejects.toThrow();
  await rm(join(folder, 'deep'));
  await file.save();
  expect(await readFile(path, 'utf8')).toBe('text');
});

it('the new text stands beside the old one until it is whole, for its owner’s eyes alone', async () => {
  await writeDurably(path, 'old');
  const { ino } = await stat(path);
  await writeDurably(path, 'new');
  const after = await stat(path);
  expect(after.ino).not.toBe(ino);
  expect(after.mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, 'deep'))).toEqual(['file.json']);
  expect(await readIfThere(join(folder, 'none'))).toBeNull();
});
