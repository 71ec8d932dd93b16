import type { Log } from '#runtime/log.js';
import type { FleetAgentConfig } from './fleet-agent.config.js';
import { ProcessFile, type Home } from './home.js';
import { startDetached } from './processes/detached.js';
import { readIfThere, writeDurably } from './processes/durable-file.store.js';
import { identityOf, isAlive } from './processes/process-identity.probe.js';

/** Another agent lives on this folder: two would pull the instances from under each other. */
export class HomeTakenError extends Error {
  override readonly name = 'HomeTakenError';
}

/**
 * Makes this process the one agent of its folder.
 * @throws HomeTakenError
 */
export async function takeHome(home: Home): Promise<void> {
  const text = await readIfThere(home.agent);
  if (text !== null) {
    const other = ProcessFile.parse(JSON.parse(text));
    if (other.pid !== process.pid && (await isAlive(other))) {
      throw new HomeTakenError(`an agent lives on ${home.folder} already (process ${other.pid})`);
    }
  }
  await writeDurably(home.agent, JSON.stringify(await identityOf(process.pid)));
}

/** Starts the watchdog when one was asked for; none for an installed agent. */
export async function startWatchdog(
  { WATCHDOG_PID: pid, WATCHDOG_START: startedAt }: FleetAgentConfig,
  home: Home,
  log: Log,
): Promise<void> {
  if (pid === undefined) return;
  const start = startedAt ?? (await identityOf(pid))?.startedAt;
  // Gone already: the watchdog finds it so and ends everything, this agent too.
  const args = [home.folder, String(pid), start ?? 'gone'];
  await startDetached('watchdog.main', args, home.watchdogLog);
  log.info({ pid }, 'guarded: ends together with this process');
}
