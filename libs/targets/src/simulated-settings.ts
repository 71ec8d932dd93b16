import { z } from 'zod';
import { SimulatedFaults } from './simulated-faults.js';
import { AGENT_LIMITS, BACKUPS_MAX, SIMULATED_LIMITS } from './target-limits.js';

const metricValue = z
  .number()
  .min(-SIMULATED_LIMITS.metricValueMax)
  .max(SIMULATED_LIMITS.metricValueMax);
const metricName = z.string().min(1).max(SIMULATED_LIMITS.metricNameMaxChars);
const version = z.string().min(1).max(AGENT_LIMITS.versionMaxChars);

/** What a metric says of an instance: always the same, or what its version has (else nothing). */
const metric = z.union([
  metricValue,
  z.record(version, metricValue).refine(hasAtMost(SIMULATED_LIMITS.metricVersionsMax), {
    message: `at most ${SIMULATED_LIMITS.metricVersionsMax} versions`,
  }),
]);

const backup = z.strictObject({
  ageHours: z.number().min(0).max(SIMULATED_LIMITS.backupAgeMaxHours),
  verified: z.boolean(),
});

function hasAtMost(max: number): (record: Readonly<Record<string, unknown>>) => boolean {
  return (record) => Object.keys(record).length <= max;
}

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
    spare: z
      .number()
      .int()
      .min(0)
      .max(SIMULATED_LIMITS.instancesMax)
      .optional()
      .describe('How many could run beside the live set; left out: as many as it has'),
    backups: z
      .array(backup)
      .max(BACKUPS_MAX)
      .default([{ ageHours: 1, verified: true }])
      .describe('What the fleet says of its backups; how old they are at any time'),
    metrics: z
      .record(metricName, metric)
      .refine(hasAtMost(SIMULATED_LIMITS.metricsMax), {
        message: `at most ${SIMULATED_LIMITS.metricsMax} metrics`,
      })
      .default({})
      .describe('Its metrics by name: a number, or one for each version of instances'),
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
    version: version.optional().describe('Filled in from the deployment: the version it is on'),
  })
  .meta({ id: 'SimulatedTargetSettings' });

/** As above with what the orchestrator fills in: without it nobody could say whose fleet it is. */
export const SimulatedSettings = SimulatedSettingsInput.required({ fleet: true, version: true });

export type SimulatedSettings = z.infer<typeof SimulatedSettings>;
