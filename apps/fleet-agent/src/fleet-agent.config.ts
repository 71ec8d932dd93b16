import { z } from 'zod';
import { wholeNumber } from '#runtime/config.js';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);
const commands = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .refine((list) => list.every((part) => part !== ''), 'expected commands, separated by commas');

/** The environment of the fleet agent. */
export const FleetAgentConfig = z
  .object({
    PORT: wholeNumber(0, 65_535)
      .default(8_095)
      .meta({ description: 'TCP port of the contract, /livez and /readyz; 0: any free' }),
    HOST: z.string().default('127.0.0.1').meta({
      description: 'Address the contract is served at; beyond loopback only with a token',
    }),
    LOG_LEVEL: z
      .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
      .default('info')
      .meta({ description: 'Least level that is logged' }),
    FLEET_AGENT_HOME: z
      .string()
      .default('.stack/fleet-agent')
      .meta({ description: 'Folder of what the agent keeps: fleets, processes, logs' }),
    FLEET_AGENT_WORKDIR: z
      .string()
      .default(() => process.cwd())
      .meta({
        description: 'Folder instances run in; their entries lie below it',
        defaultText: '<current folder>',
      }),
    FLEET_AGENT_COMMANDS: commands
      .default(['node'])
      .meta({ description: 'Commands artifacts may name, separated by commas' }),
    FLEET_AGENT_INSTANCES_MAX: wholeNumber(1, 10_000)
      .default(400)
      .meta({ description: 'Most instances all its fleets together may have' }),
    FLEET_AGENT_TOKEN: z
      .string()
      .min(16)
      .optional()
      .meta({ description: 'Bearer token every call must carry; unset: none is asked for' }),
    TRAFFIC_HOST: z
      .string()
      .default('127.0.0.1')
      .meta({ description: 'Address the edge proxy takes traffic in at' }),
    WATCHDOG_PID: wholeNumber(1, 4_194_304).optional().meta({
      description: 'Process whose end is the end of agent, proxy and instances; unset: none',
    }),
    WATCHDOG_START: z.string().optional().meta({
      description: 'Start time of that process, as the agent itself would read it; unset: it looks',
    }),
  })
  .refine((config) => LOOPBACK.has(config.HOST) || config.FLEET_AGENT_TOKEN !== undefined, {
    path: ['FLEET_AGENT_TOKEN'],
    // Whoever reaches the contract can run processes on this machine.
    message: 'expected when HOST is not loopback',
  });

export type FleetAgentConfig = z.output<typeof FleetAgentConfig>;
