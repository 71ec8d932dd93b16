import { join } from 'node:path';
import { z } from 'zod';

/** What lies where in the agent's folder. Processes find each other by these files. */
export const homeOf = (folder: string) => ({
  folder,
  /** The living agent of this folder; there is one. */
  agent: join(folder, 'agent.json'),
  /** The edge proxy: its process, its control port and token. */
  proxy: join(folder, 'proxy.json'),
  proxyLog: join(folder, 'logs', 'edge-proxy.log'),
  /** The proxy's own copy of where traffic goes. */
  routes: join(folder, 'routes.json'),
  watchdog: join(folder, 'watchdog.json'),
  watchdogLog: join(folder, 'logs', 'watchdog.log'),
  fleets: join(folder, 'fleets'),
  /** One file for each process an instance is, or was. */
  pids: join(folder, 'pids'),
});

export type Home = ReturnType<typeof homeOf>;

const identity = { pid: z.number().int().positive(), startedAt: z.string() };

export const ProcessFile = z.object(identity);
export const ProxyFile = z.object({ ...identity, controlPort: z.number(), token: z.string() });
export type ProxyFile = z.infer<typeof ProxyFile>;
