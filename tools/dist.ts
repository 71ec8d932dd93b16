import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute, type Report } from './stack/requirements.js';

const root = join(import.meta.dirname, '..');
const stamp = join(root, 'dist', '.built');
const sources = ['apps', 'libs', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

/** The latest time anything under the path was written; tests are not part of a build. */
function latestChange(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return 0;
  if (!found.isDirectory()) return path.endsWith('.spec.ts') ? 0 : found.mtimeMs;
  // The folder's own time tells of files that were removed.
  return Math.max(
    found.mtimeMs,
    ...readdirSync(path).map((name) => latestChange(join(path, name))),
  );
}

/** Whether dist is older than what it is made from. */
export function isStale(): boolean {
  if (!existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  return sources.some((path) => latestChange(join(root, path)) > built);
}

/** Compiles what the services run from; nothing is done when dist is current. */
export async function buildWhenStale(report: Report = () => undefined): Promise<void> {
  if (!isStale()) return;
  const began = new Date();
  report('building the services …');
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const done = await execute(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root });
  if (done.code !== 0) throw new Error(`the build failed:\n${done.output}`);
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, '');
  // The time of its beginning: a change made while it compiled builds again.
  utimesSync(stamp, began, began);
  report(`services built (${((Date.now() - began.getTime()) / 1_000).toFixed(1)} s)`);
}
