/**
 * `npm run check`: format, types, lint, import rules, unit tests and scenarios, without a server.
 * Two at a time, the longest first; what is green says one line, what is red says everything.
 * Caches lie in node_modules/.cache, so that a second run looks at what changed.
 */
import { join } from 'node:path';
import { runCommand, say } from './command.js';
import { jestCommand } from './jest/run.js';
import { execute } from './stack/requirements.js';

interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

const AT_ONCE = 2;
const root = join(import.meta.dirname, '..');
const cache = join('node_modules', '.cache');

/** A tool's JavaScript, run by this Node rather than by the one on the path. */
function tool(name: string, path: string, ...args: string[]): Check {
  return { name, command: process.execPath, args: [join('node_modules', path), ...args] };
}

const jest = jestCommand(['--selectProjects', 'unit', '--silent', '--maxWorkers=2', '--ci']);
const checks: readonly Check[] = [
  tool(
    'lint',
    'eslint/bin/eslint.js',
    '--cache',
    '--cache-strategy=content',
    `--cache-location=${cache}/eslint/`,
    '--max-warnings=-1',
    '--quiet',
    '.',
  ),
  tool('types', 'typescript/bin/tsc', '--noEmit'),
  { name: 'unit tests and scenarios', ...jest },
  tool(
    'import rules',
    'dependency-cruiser/bin/dependency-cruiser.mjs',
    '--config=.dependency-cruiser.cjs',
    '--output-type=err',
    'apps',
    'libs',
    'tools',
    'test',
  ),
  tool(
    'format',
    'prettier/bin/prettier.cjs',
    '--check',
    '--log-level=warn',
    '--cache',
    '--cache-strategy=content',
    // Not where every run without a cache removes it.
    `--cache-location=${cache}/prettier/check.json`,
    '.',
  ),
];

/** Runs one check and prints its verdict; its output only when it failed. */
async function run(check: Check): Promise<boolean> {
  const began = performance.now();
  const { code, output } = await execute(check.command, check.args, {
    cwd: root,
    env: check.env ?? process.env,
  });
  const took = `${((performance.now() - began) / 1_000).toFixed(1)} s`;
  say(`${code === 0 ? '✓' : '✗'} ${check.name} (${took})`);
  if (code !== 0) say(output.trim());
  return code === 0;
}

async function runAll(): Promise<boolean> {
  const waiting = [...checks];
  const results: boolean[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) results.push(await run(next));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results.every(Boolean);
}

await runCommand(async () => ((await runAll()) ? 0 : 1));
