/**
 * Ends agent, proxy and instances when the command that started the agent is gone, however it went.
 * A process of its own, because the agent may have been killed before. Installed agents have none.
 *
 *   node watchdog.main.js <home folder> <pid to guard> <its start time>
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  WATCHDOG_GRACE_MS,
  WATCHDOG_LOOK_MS,
  WATCHDOG_QUIET_ROUNDS,
} from './fleet-agent-limits.js';
import { homeOf, ProcessFile } from './home.js';
import { readIfThere, writeDurably } from './processes/durable-file.store.js';
import { identityOf, isAlive, type ProcessIdentity } from './processes/process-identity.probe.js';

const [folder, pid, startedAt] = process.argv.slice(2);
if (folder === undefined || pid === undefined || startedAt === undefined) {
  process.stderr.write('usage: watchdog.main.js <home folder> <pid> <start time>\n');
  process.exit(64);
}
const home = homeOf(folder);
const guarded: ProcessIdentity = { pid: Number(pid), startedAt };

const self = await identityOf(process.pid);
await writeDurably(home.watchdog, JSON.stringify({ ...self, guarded }));

while (await isAlive(guarded)) {
  await sleep(WATCHDOG_LOOK_MS);
  // Nothing left to guard: the folder was removed, or another watchdog took over.
  const owner = await identityIn(home.watchdog);
  if (owner?.pid !== self?.pid) process.exit(0);
}

// The agent first, or it would start again what is ended here. Then in rounds: what was just being
// started when the agent went has yet to say who it is.
await end(await identityIn(home.agent), 'SIGKILL');
for (let quietRounds = 0; quietRounds < WATCHDOG_QUIET_ROUNDS;) {
  const proxy = await identityIn(home.proxy);
  const ended = await Promise.all([
    end(proxy, 'SIGKILL'),
    ...(await instances()).map((instance) => end(instance, 'SIGTERM')),
  ]);
  quietRounds = ended.includes(true) ? 0 : quietRounds + 1;
  await sleep(WATCHDOG_LOOK_MS);
}

/** Whether there was anything to end. */
async function end(identity: ProcessIdentity | null, first: NodeJS.Signals): Promise<boolean> {
  if (identity === null || !(await isAlive(identity))) return false;
  kill(identity.pid, first);
  const endMs = Date.now() + WATCHDOG_GRACE_MS;
  while ((await isAlive(identity)) && Date.now() < endMs) await sleep(WATCHDOG_LOOK_MS / 10);
  if (await isAlive(identity)) kill(identity.pid, 'SIGKILL');
  return true;
}

/** The whole group where the process leads one, else the process alone. */
function kill(target: number, signal: NodeJS.Signals): void {
  for (const at of [-target, target]) {
    try {
      process.kill(at, signal);
      return;
    } catch {
      // No such group, or gone already.
    }
  }
}

async function identityIn(path: string): Promise<ProcessIdentity | null> {
  try {
    const text = await readIfThere(path);
    return text === null ? null : ProcessFile.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function instances(): Promise<ProcessIdentity[]> {
  const files = await readdir(home.pids).catch(() => []);
  const found: ProcessIdentity[] = [];
  for (const file of files.filter((name) => name.endsWith('.pid'))) {
    const text = await readIfThere(join(home.pids, file)).catch(() => null);
    const [, instancePid, start] = /^(\d+) (.+)$/.exec(text ?? '') ?? [];
    if (start !== undefined) found.push({ pid: Number(instancePid), startedAt: start });
  }
  return found;
}
