/** What may be asked of the registry (spec §2). Strict: an unknown field is a mistake. */
import { z } from 'zod';
import { REQUEST_LIMITS } from '#core/limits.js';
import {
  COMPONENT_KINDS,
  METRIC_DIRECTIONS,
  METRIC_SOURCES,
  SMOKE_TEST_METHODS,
  VERSION_STATUSES,
} from '../registry.js';
import { UPGRADE_PATH_REQUEST_EXAMPLE } from './examples.js';
import {
  boundedMap,
  PlatformVersion,
  RangeText,
  SemVerText,
  Slug,
  TenantId,
  Text,
  Uuid,
} from './fields.js';
import { pageFields, statusFilter } from './paging.js';

const Name = z.string().min(1).max(REQUEST_LIMITS.nameMaxChars);

export const ComponentRequest = z
  .strictObject({
    name: Slug.meta({ description: 'Unique; what `requires` and `installedComponents` call it' }),
    displayName: Name,
    kind: z.enum(COMPONENT_KINDS),
    stateless: z
      .boolean()
      .default(false)
      .meta({ description: 'Keeps nothing that a backup would have to bring back' }),
    description: Text.nullable().default(null),
  })
  .meta({
    id: 'ComponentRequest',
    examples: [{ name: 'payments-api', displayName: 'Payments API', kind: 'API', stateless: true }],
  });

const SmokeTest = z
  .strictObject({
    method: z.enum(SMOKE_TEST_METHODS).default('GET'),
    path: z
      .string()
      .max(REQUEST_LIMITS.urlMaxChars)
      // Two slashes, or a backslash, would name another host.
      .regex(/^\/(?![/\\])[\x21-\x7e]*$/, 'expected a path that begins with one /')
      .meta({ description: 'Below the address of the instances' }),
    expectedStatus: z
      .int()
      .min(100)
      .max(599)
      .default(200)
      .meta({ description: 'What must be answered; a 409 can be what is expected' }),
    body: z
      .unknown()
      .refine(isSmallBody, `expected at most ${String(REQUEST_LIMITS.smokeTestBodyMaxBytes)} bytes`)
      .default(null)
      .meta({ description: 'Sent as JSON; null: none' }),
    timeoutSeconds: z.int().min(1).max(REQUEST_LIMITS.smokeTestTimeoutMaxSeconds).default(10),
  })
  .meta({
    id: 'SmokeTestRequest',
    examples: [{ method: 'GET', path: '/api/v1/orders?limit=1', expectedStatus: 200 }],
  });

const CanaryMetric = z
  .strictObject({
    name: Name.meta({ description: 'Unique in the list' }),
    source: z.enum(METRIC_SOURCES).meta({
      description: 'PROMETHEUS: `query` is PromQL. TARGET: a metric the target knows by that name',
    }),
    query: Text,
    bound: z.number(),
    direction: z.enum(METRIC_DIRECTIONS).meta({
      description: 'On which side of the bound a sample passes; the bound itself passes',
    }),
    initialDelaySeconds: z
      .int()
      .min(0)
      .max(REQUEST_LIMITS.canaryInitialDelayMaxSeconds)
      .default(0)
      .meta({ description: 'Not held against the bound until so long after the watch began' }),
  })
  .meta({
    id: 'CanaryMetricRequest',
    examples: [
      {
        name: 'error-rate',
        source: 'PROMETHEUS',
        query:
          'sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))',
        bound: 0.01,
        direction: 'BELOW',
        initialDelaySeconds: 60,
      },
    ],
  });

function isSmallBody(body: unknown): boolean {
  return Buffer.byteLength(JSON.stringify(body)) <= REQUEST_LIMITS.smokeTestBodyMaxBytes;
}

function areNamedApart(metrics: readonly { readonly name: string }[]): boolean {
  return new Set(metrics.map(({ name }) => name)).size === metrics.length;
}

const ArtifactName = z.string().min(1).max(REQUEST_LIMITS.nameMaxChars);
const ArtifactValue = z.string().max(REQUEST_LIMITS.artifactMaxChars);

/** What of a version may be changed later, without defaults: what is left out stays. */
const versionFields = {
  status: z.enum(VERSION_STATUSES),
  releaseDate: z.iso.date().nullable(),
  artifacts: boundedMap(ArtifactName, ArtifactValue, REQUEST_LIMITS.artifactsMax).meta({
    description: 'What a driver needs to run it: a command, an image, a chart',
  }),
  minPlatformVersion: PlatformVersion.nullable(),
  maxPlatformVersion: PlatformVersion.nullable(),
  requires: boundedMap(Slug, RangeText, REQUEST_LIMITS.requiresMax).meta({
    description: 'Component name → range of versions',
  }),
  smokeTests: z.array(SmokeTest).max(REQUEST_LIMITS.smokeTestsMax),
  canaryMetrics: z
    .array(CanaryMetric)
    .max(REQUEST_LIMITS.canaryMetricsMax)
    .refine(areNamedApart, 'expected each name at most once'),
  drainTimeoutSeconds: z.int().min(0).max(REQUEST_LIMITS.drainTimeoutMaxSeconds),
  lts: z.boolean(),
  recommended: z.boolean(),
};

export const VersionRequest = z
  .strictObject({
    version: SemVerText,
    status: versionFields.status.default('RELEASED'),
    releaseDate: versionFields.releaseDate.default(null),
    artifacts: versionFields.artifacts.default({}),
    minPlatformVersion: versionFields.minPlatformVersion.default(null),
    maxPlatformVersion: versionFields.maxPlatformVersion.default(null),
    requires: versionFields.requires.default({}),
    smokeTests: versionFields.smokeTests.default([]),
    canaryMetrics: versionFields.canaryMetrics.default([]),
    drainTimeoutSeconds: versionFields.drainTimeoutSeconds.default(30),
    lts: versionFields.lts.default(false),
    recommended: versionFields.recommended.default(false),
  })
  .meta({
    id: 'VersionRequest',
    examples: [
      {
        version: '1.5.0',
        releaseDate: '2026-03-01',
        artifacts: { image: 'payments:1.5.0' },
        minPlatformVersion: '2.1.0',
        requires: { ledger: '>=3.5 <5' },
        smokeTests: [{ path: '/api/v1/orders?limit=1' }],
        canaryMetrics: [
          {
            name: 'p99-latency-ms',
            source: 'TARGET',
            query: 'p99_latency_ms',
            bound: 300,
            direction: 'BELOW',
          },
        ],
        lts: true,
      },
    ],
  });

export const VersionChange = z
  .strictObject(versionFields)
  .partial()
  .meta({ id: 'VersionChange', examples: [{ status: 'DEPRECATED' }] });

const steps = Text.nullable().default(null);

export const UpgradePathRequest = z
  .strictObject({
    componentId: Uuid,
    fromVersionId: Uuid,
    toVersionId: Uuid,
    requiresDowntime: z.boolean().default(false),
    estimatedDurationMinutes: z
      .int()
      .min(1)
      .max(REQUEST_LIMITS.estimatedDurationMaxMinutes)
      .nullable()
      .default(null),
    tested: z.boolean().default(false),
    stepsBefore: steps,
    stepsDuring: steps,
    stepsAfter: steps,
    stepsBack: steps,
  })
  .meta({ id: 'UpgradePathRequest', examples: [UPGRADE_PATH_REQUEST_EXAMPLE] });

export const DeploymentRequest = z
  .strictObject({
    target: z
      .strictObject({
        driver: z.string().min(1).max(50),
        settings: z
          .record(z.string(), z.unknown())
          .default({})
          .meta({ description: "The driver's own; secrets are references, never values" }),
      })
      .nullable()
      .default(null)
      .meta({ description: 'Without one nothing can be upgraded' }),
    currentVersionId: Uuid,
    platformVersion: PlatformVersion.nullable().default(null),
  })
  .meta({
    id: 'DeploymentRequest',
    examples: [
      {
        target: { driver: 'simulated', settings: { instances: 20 } },
        currentVersionId: '0b9f6f0e-6a43-4c0e-9d3f-3c0f5f6a7b10',
      },
    ],
  });

export const FaultsRequest = z
  .strictObject({
    faults: z.array(z.record(z.string(), z.unknown())).meta({
      description: 'Replace all faults of the simulated target at once',
    }),
  })
  .meta({ id: 'FaultsRequest', examples: [{ faults: [{ on: 'BRING', how: 'FAIL', times: 1 }] }] });

export const ListQuery = z.strictObject(pageFields);
export const VersionsQuery = z.strictObject({
  ...pageFields,
  status: statusFilter(VERSION_STATUSES),
});
export const PathsQuery = z.strictObject({ ...pageFields, componentId: Uuid.optional() });
export const ValidateQuery = z.strictObject({
  fromVersionId: Uuid,
  toVersionId: Uuid,
  tenantId: TenantId.optional(),
});
