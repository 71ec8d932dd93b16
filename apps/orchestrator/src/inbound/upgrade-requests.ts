/** What may be asked of upgrades (seed 003, spec §2): fields, types, bounds and defaults. */
import { z } from 'zod';
import { INSTANCE_STATUSES, STRATEGY_NAMES } from '#core/execution/execution.js';
import { REQUEST_DEFAULTS as DEFAULT, REQUEST_LIMITS as MAX } from '#core/limits.js';
import { SKIPPABLE_CHECKS } from '../registry.js';
import { boundedMap, Percentage, Slug, Uuid } from './fields.js';
import { isStorable } from './json-body.js';
import { pageFields, statusFilter } from './paging.js';

const Reason = z.string().min(1).max(MAX.reasonMaxChars).regex(/\S/, 'expected more than blanks');
const InstalledVersion = z.string().min(1).max(MAX.versionMaxChars);

const SkippedCheck = z
  .strictObject({ check: z.enum(SKIPPABLE_CHECKS), reason: Reason })
  .meta({ id: 'SkippedCheck' });

export const UpgradeRequest = z
  .strictObject({
    componentId: Uuid.meta({ description: 'Target component' }),
    fromVersionId: Uuid.meta({ description: "The deployment's current version" }),
    toVersionId: Uuid.meta({ description: 'Target version' }),
    strategy: z.enum(STRATEGY_NAMES).default(DEFAULT.strategy).meta({
      description:
        'How instances are taken; STAGED needs initiatedBy, BLUE_GREEN a target with sets',
    }),
    canaryPercentage: Percentage.default(DEFAULT.canaryPercentage),
    batchSize: z.int().min(1).max(MAX.batchSizeMax).default(DEFAULT.batchSize),
    batchDelaySeconds: z
      .int()
      .min(0)
      .max(MAX.batchDelayMaxSeconds)
      .default(DEFAULT.batchDelaySeconds),
    healthCheckIntervalSeconds: z
      .int()
      .min(0)
      .max(MAX.healthCheckIntervalMaxSeconds)
      .default(DEFAULT.healthCheckIntervalSeconds)
      .meta({ description: '0: as fast as the limits allow' }),
    healthCheckTimeoutSeconds: z
      .int()
      .min(1)
      .max(MAX.healthCheckTimeoutMaxSeconds)
      .default(DEFAULT.healthCheckTimeoutSeconds),
    maxUnavailablePercentage: Percentage.default(DEFAULT.maxUnavailablePercentage),
    totalInstances: z
      .int()
      .min(1)
      .max(MAX.totalInstancesMax)
      .nullable()
      .default(null)
      .meta({ description: 'How many to upgrade; left out: all there are' }),
    autoRollbackEnabled: z.boolean().default(DEFAULT.autoRollbackEnabled),
    failureThreshold: z
      .int()
      .min(1)
      .max(MAX.failureThresholdMax)
      .default(DEFAULT.failureThreshold)
      .meta({ description: 'Failed instances that stop the upgrade, or roll it back' }),
    initiatedBy: z.string().min(1).max(MAX.initiatedByMaxChars).nullable().default(null),
    installedComponents: boundedMap(Slug, InstalledVersion, MAX.installedComponentsMax)
      .default({})
      .meta({ description: 'Component name → version installed beside it' }),
    skipChecks: z
      .array(SkippedCheck)
      .max(SKIPPABLE_CHECKS.length)
      .refine(areDistinct, 'expected each check at most once')
      .default([]),
    allowDowntime: z.boolean().default(DEFAULT.allowDowntime),
    canaryDurationSeconds: z
      .int()
      .min(MAX.canaryDurationMinSeconds)
      .max(MAX.canaryDurationMaxSeconds)
      .default(DEFAULT.canaryDurationSeconds),
    autoPromote: z.boolean().default(DEFAULT.autoPromote),
    blueGreenRetentionSeconds: z
      .int()
      .min(0)
      .max(MAX.blueGreenRetentionMaxSeconds)
      .default(DEFAULT.blueGreenRetentionSeconds),
  })
  .refine(({ strategy, initiatedBy }) => strategy !== 'STAGED' || initiatedBy !== null, {
    path: ['initiatedBy'],
    message: 'expected with STAGED: whoever initiates it cannot approve its stages',
  })
  .meta({
    id: 'UpgradeRequest',
    examples: [
      {
        componentId: '0b9f6f0e-6a43-4c0e-9d3f-3c0f5f6a7b10',
        fromVersionId: '6f1c8a1e-2b1d-4b7e-8a35-8f2d8f0c1a02',
        toVersionId: 'd1f6c7aa-91a5-4c0a-b1de-0f3a4ad4e903',
        strategy: 'ROLLING',
        batchSize: 5,
        batchDelaySeconds: 60,
        maxUnavailablePercentage: 25,
        autoRollbackEnabled: true,
        failureThreshold: 3,
        initiatedBy: 'ops@example.org',
        installedComponents: { kafka: '3.6.0', postgresql: '16.1' },
      },
    ],
  });

/** Every action takes the same body, or none. */
export const ActionRequest = z
  .strictObject({ force: z.boolean().default(false), reason: Reason.nullable().default(null) })
  .default({ force: false, reason: null })
  .meta({ id: 'ActionRequest', examples: [{ reason: 'Errors in the logs of the new version' }] });

export const NoQuery = z.strictObject({});
export const RollbackQuery = z.strictObject({
  // A body's text has been looked at before it gets here.
  reason: Reason.refine(isStorable, 'expected whole text')
    .optional()
    .meta({ examples: ['Errors in the logs of the new version'] }),
});
export const InstancesQuery = z.strictObject({
  ...pageFields,
  status: statusFilter(INSTANCE_STATUSES),
});
export const EventsQuery = z.strictObject(pageFields);

function areDistinct(skipped: readonly { readonly check: string }[]): boolean {
  return new Set(skipped.map(({ check }) => check)).size === skipped.length;
}
