import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

interface ProcessStat {
  readonly parentPid: number;
  readonly startTime: string;
  readonly zombie: boolean;
}

/** Linux says it in /proc, which costs microseconds; elsewhere `ps` is asked. */
function stat(pid: number): ProcessStat | undefined {
  if (process.platform === 'linux') {
    try {
      const line = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
      // The name in parentheses may hold spaces and parentheses itself.
      const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
      return {
        zombie: fields[0] === 'Z' || fields[0] === 'X',
        parentPid: Number(fields[1]),
        startTime: String(fields[19]),
      };
    } catch {
      return undefined;
    }
  }
  try {
    const line = execFileSync('ps', ['-o', 'ppid=,stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    const match = /^(\d+)\s+(\S+)\s+(.*)$/.exec(line);
    if (!match) return undefined;
    const [, parent = '0', state = '', startTime = ''] = match;
    return { parentPid: Number(parent), startTime, zombie: state.startsWith('Z') };
  } catch {
    return undefined;
  }
}

/** The process with this number as it is now, or undefined when there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const found = stat(pid);
  return found && !found.zombie ? { pid, startTime: found.startTime } : undefined;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  const own = identify(process.pid);
  if (!own) throw new Error('the operating system does not show this process its own start time');
  return own;
}

/** Whether exactly this process, not a later one with its number, still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/** The number of the parent of a process, undefined when the process is gone. */
export function parentOf(pid: number): number | undefined {
  return stat(pid)?.parentPid;
}

/** The command line a process shows, empty when it is gone. */
export function commandLineOf(pid: number): string {
  try {
    if (process.platform === 'linux') {
      return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')
        .replaceAll('\0', ' ')
        .trim();
    }
    return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

/** Sends a signal to exactly this process; a process that is gone is no error. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits until the process is gone; false when the limit passes first. */
export async function waitForEnd(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (isAlive(identity)) {
    if (performance.now() >= deadline) return false;
    await sleep(20);
  }
  return true;
}

/** Asks a process to end, and ends it by force when it has not done so within the limit. */
export async function endProcess(
  identity: ProcessIdentity,
  { ask = 'SIGTERM', limitMs }: { ask?: NodeJS.Signals; limitMs: number },
): Promise<void> {
  signal(identity, ask);
  // A stopped process hears nothing until it is continued.
  signal(identity, 'SIGCONT');
  if (await waitForEnd(identity, limitMs)) return;
  signal(identity, 'SIGKILL');
  await waitForEnd(identity, 5_000);
}
