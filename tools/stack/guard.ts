import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  commandLineOf,
  identify,
  ownIdentity,
  parentOf,
  type ProcessIdentity,
} from './processes.js';
import type { WatchdogMessage } from './watchdog.js';

let pipe: Writable | undefined;
let guarded = 0;

// npm, its shell and the bootstrap, then a test runner with its worker.
const MOST_LAUNCHERS = 8;

/**
 * Who launched this command: the processes up to the bootstrap and, above it, npm with its shell.
 * Further up are shells and terminals, which may end while a command goes on in the background.
 */
function launchers(): ProcessIdentity[] {
  const chain = ancestors();
  const bootstrap = chain.findIndex(
    ({ pid }) => pid === Number(process.env['UPGRADE_COMMAND_PID']),
  );
  if (bootstrap === -1) return [];
  const npm = chain.findIndex(
    ({ pid }, level) => level > bootstrap && level <= bootstrap + 2 && isNpm(pid),
  );
  return chain.slice(0, Math.max(bootstrap, npm) + 1);
}

function ancestors(): ProcessIdentity[] {
  const chain: ProcessIdentity[] = [];
  let pid = parentOf(process.pid);
  while (pid !== undefined && pid > 1 && chain.length < MOST_LAUNCHERS) {
    const identity = identify(pid);
    if (!identity) break;
    chain.push(identity);
    pid = parentOf(pid);
  }
  return chain;
}

function isNpm(pid: number): boolean {
  return /^npm |npm-cli\.js/.test(commandLineOf(pid));
}

function openPipe(): Writable {
  if (pipe) return pipe;
  const loader = pathToFileURL(join(import.meta.dirname, '..', 'typescript.mjs')).href;
  const env = { ...process.env };
  // Flags that are meant for a test runner or a debugger are not for the watchdog.
  delete env['NODE_OPTIONS'];
  const child = spawn(
    process.execPath,
    [`--import=${loader}`, '--max-old-space-size=64', join(import.meta.dirname, 'watchdog.ts')],
    { detached: true, stdio: ['pipe', 'ignore', 'ignore'], env },
  );
  child.unref();
  // A pipe is a socket here; it must not keep the command from ending by itself.
  (child.stdin as Writable & { unref?: () => void }).unref?.();
  child.stdin.on('error', () => undefined);
  pipe = child.stdin;
  tell({ say: 'launched by', command: ownIdentity(), launchers: launchers() });
  return pipe;
}

function tell(message: WatchdogMessage): void {
  openPipe().write(`${JSON.stringify(message)}\n`);
}

function letGo(message: WatchdogMessage): void {
  tell(message);
  guarded -= 1;
  if (guarded > 0) return;
  pipe?.end();
  pipe = undefined;
}

/** Has a child process ended when this command dies; the answer takes that back. */
export function guardProcess(identity: ProcessIdentity): () => void {
  guarded += 1;
  tell({ say: 'process', process: identity });
  return onlyOnce(() => {
    letGo({ say: 'forget process', pid: identity.pid });
  });
}

/** Has this command's use of a stack released when it dies; the answer takes that back. */
export function guardStack(root: string, user: string, throwAway: boolean): () => void {
  guarded += 1;
  tell({ say: 'stack', root, user, throwAway });
  return onlyOnce(() => {
    letGo({ say: 'forget stack', user });
  });
}

function onlyOnce(act: () => void): () => void {
  let acted = false;
  return () => {
    if (acted) return;
    acted = true;
    act();
  };
}
