import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..', '..');

/** How jest has to be started for ESM in TypeScript; also what a run's own children inherit. */
export function jestCommand(args: readonly string[]): {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
} {
  const loader = pathToFileURL(join(root, 'tools', 'typescript.mjs')).href;
  const options = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    // kafkajs: known and harmless.
    '--disable-warning=TimeoutNegativeWarning',
    // The set-up and its tools are loaded by Node itself, not through jest's transform.
    `--import=${loader}`,
  ];
  return {
    command: process.execPath,
    args: [join(root, 'node_modules', 'jest', 'bin', 'jest.js'), ...args],
    env: {
      ...process.env,
      NODE_OPTIONS: [process.env['NODE_OPTIONS'] ?? '', ...options].join(' ').trim(),
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
      // Services are started a hundred times: compiled once, that takes a quarter less.
      NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'),
    },
  };
}

/** Runs jest on this terminal, signals included, and answers with its exit code. */
export function runJest(jestArgs: readonly string[]): Promise<number> {
  const { command, args, env } = jestCommand(jestArgs);
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' });
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => child.kill(name));
    }
    child.on('error', failed);
    child.on('close', (code) => {
      done(code ?? 1);
    });
  });
}
