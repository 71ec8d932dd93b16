/**
 * The process that outlives a command which died without cleaning up, even by kill -9, and ends
 * what the command had started. Its standard input is a pipe from the command: a line announces
 * what to look after, its end says that the command is gone. It also watches the command's own
 * launchers (npm, its shell, the bootstrap): when one of those is killed, the command is asked to
 * end, because nobody could stop it any more.
 */
import { createInterface } from 'node:readline';
import { endProcess, isAlive, signal, type ProcessIdentity } from './processes.js';
import { releaseStack } from './release.js';

/** What a command says to its watchdog, one JSON line each. */
export type WatchdogMessage =
  | { say: 'launched by'; command: ProcessIdentity; launchers: ProcessIdentity[] }
  | { say: 'process'; process: ProcessIdentity }
  | { say: 'forget process'; pid: number }
  | { say: 'stack'; root: string; user: string; throwAway: boolean }
  | { say: 'forget stack'; user: string };

type StackUse = Extract<WatchdogMessage, { say: 'stack' }>;

const SERVICE_STOP_LIMIT_MS = 5_000;
const COMMAND_STOP_LIMIT_MS = 15_000;
const LOOK_EVERY_MS = 250;

const processes = new Map<number, ProcessIdentity>();
const stacks = new Map<string, StackUse>();

function hear(message: WatchdogMessage): void {
  switch (message.say) {
    case 'launched by':
      watchLaunchers(message.command, message.launchers);
      break;
    case 'process':
      processes.set(message.process.pid, message.process);
      break;
    case 'forget process':
      processes.delete(message.pid);
      break;
    case 'stack':
      stacks.set(message.user, message);
      break;
    case 'forget stack':
      stacks.delete(message.user);
      break;
  }
}

function watchLaunchers(command: ProcessIdentity, launchers: readonly ProcessIdentity[]): void {
  const look = setInterval(() => {
    if (launchers.every(isAlive)) return;
    clearInterval(look);
    signal(command, 'SIGTERM');
    setTimeout(() => {
      signal(command, 'SIGKILL');
    }, COMMAND_STOP_LIMIT_MS).unref();
  }, LOOK_EVERY_MS);
  look.unref();
}

async function cleanUp(): Promise<void> {
  // Services first: they would only complain about servers that went away under them.
  await Promise.allSettled(
    [...processes.values()].map((process) =>
      endProcess(process, { limitMs: SERVICE_STOP_LIMIT_MS }),
    ),
  );
  await Promise.allSettled(
    [...stacks.values()].map(({ root, user, throwAway }) => releaseStack(root, user, throwAway)),
  );
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  hear(JSON.parse(line) as WatchdogMessage);
});
lines.on('close', () => {
  void cleanUp().finally(() => process.exit(0));
});
