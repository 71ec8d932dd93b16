import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..', '..');
const page = read('docs/RELIABILITY.md');
const INVARIANTS = Array.from({ length: 15 }, (_, at) => `I${String(at + 1)}`);

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function sectionOf(invariant: string): string {
  const [, section = ''] = page.split(new RegExp(`^### ${invariant} .*$`, 'm'));
  return section.split(/^##/m)[0] ?? '';
}

function lineOf(section: string, kind: string): string {
  return new RegExp(`^- ${kind}: (.*)$`, 'm').exec(section)?.[1] ?? '';
}

/** Paths between backticks, a folder's with its slash. */
function pathsIn(text: string): string[] {
  return [...text.matchAll(/`((?:apps|libs|tools|test|docs)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  );
}

/** `file` (`name`, `name`: …): the names must stand in the file. */
function namesIn(text: string): { path: string; name: string }[] {
  return [...text.matchAll(/`([\w./-]+\.ts)` \(([^()]*)\)/g)].flatMap(
    ([, path = '', inside = '']) =>
      [...inside.matchAll(/`(\w+)`/g)].map(([, name = '']) => ({ path, name })),
  );
}

/** Each planted bug, and the invariants that may find it. */
function plantedBugs(): Map<string, string[]> {
  const folder = 'test/simulation/planted-bugs';
  const texts = readdirSync(join(ROOT, folder)).map((file) => read(join(folder, file)));
  const bug = /name: '([\w-]+)',\s+what: .*\s+caughtBy: \[('.*')\]/g;
  return new Map(
    texts.flatMap((text) =>
      [...text.matchAll(bug)].map(([, name = '', by = '']) => [name, by.match(/I\d+/g) ?? []]),
    ),
  );
}

describe('docs/RELIABILITY.md', () => {
  it.each(INVARIANTS)(
    '%s says where it is kept, and which tests and checkers show it',
    (invariant) => {
      const section = sectionOf(invariant);
      expect(pathsIn(lineOf(section, 'kept in'))).not.toEqual([]);
      expect(pathsIn(lineOf(section, 'checkers'))).not.toEqual([]);
      const specs = pathsIn(lineOf(section, 'tests')).filter((path) => path.endsWith('.spec.ts'));
      expect(specs).not.toEqual([]);
    },
  );

  it('names every checker of the simulation, under its invariant', () => {
    const folder = 'test/simulation/invariants';
    const checkers = readdirSync(join(ROOT, folder)).filter((file) => /^i\d\d-/.test(file));
    const misplaced = checkers.filter((file) => {
      const section = sectionOf(`I${String(Number(file.slice(1, 3)))}`);
      return !pathsIn(lineOf(section, 'checkers')).includes(`${folder}/${file}`);
    });
    expect(misplaced).toEqual([]);
  });

  it('names files and folders that are there', () => {
    expect(pathsIn(page).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('names what stands in the files it names', () => {
    const names = namesIn(page);
    expect(names.length).toBeGreaterThan(15);
    const missing = names.filter(({ path, name }) => !new RegExp(`\\b${name}\\b`).test(read(path)));
    expect(missing).toEqual([]);
  });

  it('names every planted bug, once, where an invariant stands that may find it', () => {
    const planted = plantedBugs();
    const named = INVARIANTS.flatMap((invariant) =>
      [...lineOf(sectionOf(invariant), 'planted bugs').matchAll(/`([\w-]+)`/g)].map(
        ([, name = '']) => ({ name, invariant }),
      ),
    );
    expect(named.map(({ name }) => name).sort()).toEqual([...planted.keys()].sort());
    const elsewhere = named.filter(({ name, invariant }) => {
      return planted.get(name)?.includes(invariant) !== true;
    });
    expect(elsewhere).toEqual([]);
  });

  it('names commands that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...page.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
