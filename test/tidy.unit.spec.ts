import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/**
 * The rules of naming that no linter knows. A name without a suffix is pure; a suffix announces an
 * effect and comes from a closed list, so that a reader sees from the folder where the world is.
 */
const ROOT = join(import.meta.dirname, '..');
const ROOMS = ['apps', 'libs', 'examples', 'tools', 'test'];

const SUFFIXES = [
  'controller',
  'consumer',
  'ticker',
  'runner',
  'outbox',
  'store',
  'row',
  'client',
  'probe',
  'driver',
  'module',
  'config',
  // Which of a store's twins it is, and the suite that both have to pass.
  'pg',
  'memory',
  'contract',
  // SQL: how a service's tables came to be, and the hot path's statements.
  'migration',
  'statements',
  // Schemas of what goes over Kafka.
  'messages',
  // A second process of an app.
  'main',
];

/** Words that say nothing about what is inside, and so collect everything. */
const EMPTY_WORDS = ['util', 'helper', 'common', 'shared', 'base', 'manager', 'handler', 'data'];

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs|cjs|js)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/[\\/](node_modules|dist)[\\/]/.test(path));
}

const files = ROOMS.filter((room) => readdirSync(ROOT).includes(room)).flatMap((room) =>
  filesIn(join(ROOT, room)),
);
const products = files.filter(
  (path) => /^(apps|libs)[\\/]/.test(relative(ROOT, path)) && !path.endsWith('.spec.ts'),
);

/** `execution.store.ts` → execution, store; `read-page.ts` → read, page. */
function wordsOf(path: string): string[] {
  return relative(ROOT, path)
    .replace(/\.(spec\.)?\w+$/, '')
    .split(/[\\/.-]/)
    .map((word) => word.toLowerCase());
}

function named(path: string): string {
  return relative(ROOT, path);
}

describe('tidy', () => {
  it('finds the code at all', () => {
    expect(products.length).toBeGreaterThan(20);
  });

  it('has no file or folder named after nothing', () => {
    const empty = new Set(EMPTY_WORDS.flatMap((word) => [word, `${word}s`]));
    // A data source is a term of its own: what a connection pool is opened from.
    const words = (path: string): string[] => wordsOf(path.replace('data-source', 'datasource'));
    // A scenario's name is a sentence, in which such a word means something.
    const things = files.filter((path) => !path.includes('.scenario.'));
    const found = things.filter((path) => words(path).some((word) => empty.has(word)));
    expect(found.map(named)).toEqual([]);
  });

  it('has no suffix outside the closed list', () => {
    const known = new Set(SUFFIXES);
    const found = products.filter((path) => {
      const [, ...suffixes] = basename(path)
        .replace(/\.\w+$/, '')
        .split('.');
      return suffixes.some((suffix) => !known.has(suffix));
    });
    expect(found.map(named)).toEqual([]);
  });

  it('says in every spec file what it costs', () => {
    const specs = files.filter((path) => path.endsWith('.spec.ts'));
    const placed = /^test[\\/](scenarios|simulation|e2e)[\\/]/;
    const found = specs.filter(
      (path) => !/\.(unit|int|e2e)\.spec\.ts$/.test(path) && !placed.test(named(path)),
    );
    expect(found.map(named)).toEqual([]);
  });

  it('narrows or skips no test for good', () => {
    const narrowed = /\b(it|test|describe)\.(only|todo)\b|\b(xit|xdescribe|fit|fdescribe)\(/;
    const found = files.filter(
      (path) => path.endsWith('.spec.ts') && narrowed.test(readFileSync(path, 'utf8')),
    );
    expect(found.map(named).filter((path) => !path.endsWith('tidy.unit.spec.ts'))).toEqual([]);
  });
});
