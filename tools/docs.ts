/**
 * `npm run docs`: the pages that are made from code: the README's table of configuration,
 * docs/STATE_MACHINE.md and docs/EVENTS.md. A unit test fails when one of them has drifted.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, say } from './command.js';
import { generatedPages } from './docs/generated-pages.js';

const ROOT = join(import.meta.dirname, '..');

await runCommand(() => {
  for (const { path, make } of generatedPages(ROOT)) {
    const file = join(ROOT, path);
    const before = readFileSync(file, { encoding: 'utf8', flag: 'a+' });
    const after = make();
    if (after !== before) writeFileSync(file, after);
    say(`${path}: ${after === before ? 'up to date' : 'written'}`);
  }
  return Promise.resolve(0);
});
