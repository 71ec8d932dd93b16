/**
 * `npm run migrate`: brings the schemas of all services up to date and ends. Services do the same
 * when they start, under a lock; this is for those who want it done, and seen, beforehand.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { runCommand, say } from './command.js';
import { buildWhenStale } from './dist.js';
import { serviceEntry } from './supervise.js';

const SERVICES = ['orchestrator', 'validator', 'canary-monitor', 'rollback-agent'] as const;
const root = join(import.meta.dirname, '..');

/** Runs a service's entry until it has migrated; its log goes to the terminal. */
function migrate(service: string): Promise<number> {
  const entry = join(root, serviceEntry(service));
  const child = spawn(process.execPath, [entry, '--migrate'], { cwd: root, stdio: 'inherit' });
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code) => {
      done(code ?? 1);
    });
  });
}

await runCommand(async () => {
  await buildWhenStale(say);
  for (const service of SERVICES) {
    const code = await migrate(service);
    if (code !== 0) return code;
  }
  return 0;
});
