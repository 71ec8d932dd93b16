import { z } from 'zod';
import { SimulatedFaults } from './simulated-faults.js';
import { AGENT_LIMITS, SIMULATED_LIMITS } from './target-limits.js';

/** The settings of the `simulated` driver as a person writes them in a deployment (spec §8). */
export const SimulatedSettingsInput = z
  .strictObject({
    instances: z
      .number()
      .int()
      .min(1)
      .max(SIMULATED_LIMITS.instancesMax)
      .default(SIMULATED_LIMITS.instancesDefault),
    volatile: z
      .boolean()
      .default(false)
      .describe('The fleet lives in the process that drives it and is lost with it'),
    latencyMs: z
      .number()
      .int()
      .min(0)
      .max(SIMULATED_LIMITS.latencyMaxMs)
      .default(0)
      .describe('How long an operation takes at its middle, in ms'),
    seed: z.number().int().min(0).max(SIMULATED_LIMITS.seedMax).default(0),
    faults: SimulatedFaults.default([]),
    history: z
      .boolean()
      .optional()
      .describe('Take down what is done, for checkers; left out: unless volatile'),
    fleet: z
      .string()
      .min(1)
      .max(AGENT_LIMITS.idMaxChars)
      .optional()
      .describe('Filled in from the deployment, never taken from a person: tenant and component'),
    version: z
      .string()
      .min(1)
      .max(AGENT_LIMITS.versionMaxChars)
      .optional()
      .describe('Filled in from the deployment: the version it is on'),
  })
  .meta({ id: 'SimulatedTargetSettings' });

/** As above with what the orchestrator fills in: without it nobody could say whose fleet it is. */
export const SimulatedSettings = SimulatedSettingsInput.required({ fleet: true, version: true });

export type SimulatedSettings = z.infer<typeof SimulatedSettings>;
