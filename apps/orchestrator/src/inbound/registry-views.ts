/** The registry as it is answered. */
import { z } from 'zod';
import {
  COMPONENT_KINDS,
  METRIC_DIRECTIONS,
  METRIC_SOURCES,
  VERSION_STATUSES,
  type Component,
  type Deployment,
  type UpgradeJudgement,
  type UpgradePath,
  type Version,
} from '../registry.js';
import {
  COMPONENT_EXAMPLE,
  DEPLOYMENT_EXAMPLE,
  UPGRADE_PATH_EXAMPLE,
  VALIDATION_EXAMPLE,
  VERSION_EXAMPLE,
} from './examples.js';
import { isoOf, registered, timesOf } from './fields.js';
import { pageOf } from './paging.js';

const map = z.record(z.string(), z.string());
const text = z.string().nullable();

export const ComponentView = z
  .strictObject({
    ...registered,
    name: z.string(),
    displayName: z.string(),
    kind: z.enum(COMPONENT_KINDS),
    stateless: z.boolean(),
    description: text,
  })
  .meta({ id: 'Component', examples: [COMPONENT_EXAMPLE] });
export const ComponentPage = pageOf(ComponentView, 'ComponentPage');

export function componentView(component: Component): z.infer<typeof ComponentView> {
  const { createdAtMs, updatedAtMs, ...fields } = component;
  return { ...fields, ...timesOf({ createdAtMs, updatedAtMs }) };
}

export const VersionView = z
  .strictObject({
    ...registered,
    componentId: z.uuid(),
    version: z.string(),
    status: z.enum(VERSION_STATUSES),
    releaseDate: z.iso.date().nullable(),
    artifacts: map,
    minPlatformVersion: text,
    maxPlatformVersion: text,
    requires: map,
    smokeTests: z.array(
      z
        .strictObject({
          method: z.string(),
          path: z.string(),
          expectedStatus: z.int(),
          body: z.unknown(),
          timeoutSeconds: z.number(),
        })
        .meta({ id: 'SmokeTest' }),
    ),
    canaryMetrics: z.array(
      z
        .strictObject({
          name: z.string(),
          source: z.enum(METRIC_SOURCES),
          query: z.string(),
          bound: z.number(),
          direction: z.enum(METRIC_DIRECTIONS),
          initialDelaySeconds: z.int(),
        })
        .meta({ id: 'CanaryMetric' }),
    ),
    drainTimeoutSeconds: z.int(),
    lts: z.boolean(),
    recommended: z.boolean(),
  })
  .meta({ id: 'Version', examples: [VERSION_EXAMPLE] });
export const VersionPage = pageOf(VersionView, 'VersionPage');

export function versionView(version: Version): z.infer<typeof VersionView> {
  const { createdAtMs, updatedAtMs, ...fields } = version;
  return {
    ...fields,
    artifacts: { ...fields.artifacts },
    requires: { ...fields.requires },
    smokeTests: [...fields.smokeTests],
    canaryMetrics: [...fields.canaryMetrics],
    ...timesOf({ createdAtMs, updatedAtMs }),
  };
}

export const UpgradePathView = z
  .strictObject({
    ...registered,
    componentId: z.uuid(),
    fromVersionId: z.uuid(),
    toVersionId: z.uuid(),
    requiresDowntime: z.boolean(),
    estimatedDurationMinutes: z.int().nullable(),
    tested: z.boolean(),
    stepsBefore: text,
    stepsDuring: text,
    stepsAfter: text,
    stepsBack: text,
  })
  .meta({ id: 'UpgradePath', examples: [UPGRADE_PATH_EXAMPLE] });
export const UpgradePathPage = pageOf(UpgradePathView, 'UpgradePathPage');

export function pathView(path: UpgradePath): z.infer<typeof UpgradePathView> {
  const { createdAtMs, updatedAtMs, ...fields } = path;
  return { ...fields, ...timesOf({ createdAtMs, updatedAtMs }) };
}

const said = z.strictObject({ code: z.string(), message: z.string() });

export const ValidationView = z
  .strictObject({
    valid: z.boolean().meta({ description: 'No blockers. It may still take several steps' }),
    upgradeType: z.enum(['PATCH', 'MINOR', 'MAJOR']),
    riskLevel: z.enum(['LOW', 'MEDIUM', 'HIGH']),
    requiresDowntime: z.boolean(),
    steps: z.array(
      z.strictObject({
        fromVersionId: z.uuid(),
        toVersionId: z.uuid(),
        fromVersion: z.string(),
        toVersion: z.string(),
        registered: z.boolean(),
        requiresDowntime: z.boolean(),
        tested: z.boolean().nullable(),
        estimatedDurationMinutes: z.int().nullable(),
      }),
    ),
    blockers: z.array(said),
    warnings: z.array(said),
  })
  .meta({ id: 'UpgradePathValidation', examples: [VALIDATION_EXAMPLE] });

export function validationView(judgement: UpgradeJudgement): z.infer<typeof ValidationView> {
  const { steps, blockers, warnings, ...facts } = judgement;
  return {
    ...facts,
    steps: steps.map(({ registered: path, ...step }) => ({
      ...step,
      registered: path !== null,
      requiresDowntime: path?.requiresDowntime ?? false,
      tested: path?.tested ?? null,
      estimatedDurationMinutes: path?.estimatedDurationMinutes ?? null,
    })),
    blockers: [...blockers],
    warnings: [...warnings],
  };
}

export const DeploymentView = z
  .strictObject({
    ...registered,
    tenantId: z.string(),
    componentId: z.uuid(),
    target: z
      .strictObject({ driver: z.string(), settings: z.record(z.string(), z.unknown()) })
      .nullable(),
    currentVersionId: z.uuid().nullable(),
    observedVersions: z
      .record(z.string(), z.int())
      .meta({ description: 'Version → how many instances were seen on it' }),
    platformVersion: text,
    standbySet: z.strictObject({ versionId: z.uuid(), retireAt: z.string() }).nullable(),
  })
  .meta({ id: 'Deployment', examples: [DEPLOYMENT_EXAMPLE] });

export function deploymentView(deployment: Deployment): z.infer<typeof DeploymentView> {
  const { createdAtMs, updatedAtMs, target, standbySet, ...fields } = deployment;
  return {
    ...fields,
    standbySet:
      standbySet === null
        ? null
        : { versionId: standbySet.versionId, retireAt: isoOf(standbySet.retireAtMs) },
    target: target === null ? null : { driver: target.driver, settings: { ...target.settings } },
    observedVersions: { ...fields.observedVersions },
    ...timesOf({ createdAtMs, updatedAtMs }),
  };
}
