import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..', '..');
const pages = ['README.md', ...markdownIn('docs'), ...markdownIn('examples')];

function markdownIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path));
}

/** Links to places in this repository: text, path and anchor. */
function linksOf(page: string): { path: string; anchor: string | undefined }[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = '', anchor] = link.split('#');
      return { path: path === '' ? page : join(dirname(page), path), anchor };
    });
}

/** As it is made from a heading. */
function anchorsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Names of files between backticks, as the table of invariants gives them. */
function namedFiles(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/`((?:apps|libs|tools|test|docs|examples)\/[\w./-]+\.\w+)`/g)].map(
    ([, path = '']) => path,
  );
}

describe('what the pages point at', () => {
  it('finds the pages', () => {
    expect(pages.length).toBeGreaterThan(5);
  });

  it.each(pages)('%s leads nowhere that is not there', (page) => {
    const missing = linksOf(page).filter(({ path, anchor }) => {
      if (!existsSync(join(ROOT, path))) return true;
      return anchor !== undefined && !anchorsOf(path).includes(anchor);
    });
    const unnamed = namedFiles(page).filter((path) => !existsSync(join(ROOT, path)));
    expect({ missing, unnamed }).toEqual({ missing: [], unnamed: [] });
  });

  it('every record of a decision is numbered on from the one before', () => {
    const records = pages.filter((page) => page.includes(join('docs', 'decisions')));
    const numbers = records.map((page) => Number(/(\d{4})-/.exec(relative('docs', page))?.[1]));
    expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, at) => at + 1));
  });
});
