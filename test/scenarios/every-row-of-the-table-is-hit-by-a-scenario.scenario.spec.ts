import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { GUARDS, ROWS } from '#core/execution/execution-transitions.js';

/** The names a scenario claims to hit, which it proves by itself, stand between quotes. */
function claimedIn(file: string): string[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  const claims = [...text.matchAll(/(?:\.end|untouched)\(([^)]*)\)/g)];
  return claims.flatMap(([, names = '']) =>
    [...names.matchAll(/'([a-z-]+)'/g)].map(([, it]) => it ?? ''),
  );
}

it('every row of the table is hit by a scenario', () => {
  const files = readdirSync(new URL('.', import.meta.url)).filter((it) => it.endsWith('.spec.ts'));
  const claimed = new Set(files.flatMap(claimedIn));
  const names = [...ROWS, ...GUARDS].map(({ name }) => name);
  expect(names.filter((name) => !claimed.has(name))).toEqual([]);
});
