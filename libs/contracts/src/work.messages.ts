/**
 * Commands to the services that work for the orchestrator, and their results.
 *
 * Work is keyed by (execution, kind, `handOver`, page): asking again is a new message about the
 * same work, starts nothing twice, and is answered with the state it has (spec §1).
 *
 * A field that comes later has a default: what was sent before it must still be read.
 */
import { z } from 'zod';
import { PAGE_OF_INSTANCES, REQUEST_LIMITS, WORK_PAGES_MAX } from '#core/limits.js';
import { CANARY_VERDICTS, SAMPLE_OUTCOMES } from '#core/canary/canary-samples.js';
import { envelopeOf } from './envelope.js';

const count = z.int().min(0);

const plannedVersion = z.strictObject({
  id: z.uuid(),
  version: z.string().min(1).max(100),
  artifacts: z.record(z.string(), z.string()),
});

/** An instance and the version it is to reach (rollback) or to be on (post-upgrade checks). */
const workInstance = z.strictObject({
  index: count,
  id: z.string().min(1).max(200),
  version: z.string().min(1).max(100).nullable(),
});

/** A call that the new version must answer so; `expectedStatus` may well be a 409. */
const smokeTest = z.strictObject({
  method: z.string(),
  path: z.string(),
  expectedStatus: z.int().min(100).max(599),
  body: z.unknown(),
  timeoutSeconds: z.number().positive(),
});
export type SmokeTest = z.infer<typeof smokeTest>;

/** A bound that canaries are held against. */
const canaryMetric = z.strictObject({
  name: z.string(),
  /** PROMETHEUS: `query` is PromQL; TARGET: a metric the target itself knows by that name. */
  source: z.enum(['PROMETHEUS', 'TARGET']),
  query: z.string(),
  bound: z.number(),
  /** On which side of the bound a sample passes; the bound itself passes. */
  direction: z.enum(['BELOW', 'ABOVE']),
  /** Not held against the bound until so long after the watch began. */
  initialDelaySeconds: count,
});
export type CanaryMetric = z.infer<typeof canaryMetric>;

/**
 * What the receiver needs, frozen when the execution was created. Secrets are references to
 * environment variables or files inside the target's settings, never values.
 */
const snapshot = z.strictObject({
  tenantId: z.string(),
  componentId: z.uuid(),
  componentName: z.string(),
  stateless: z.boolean(),
  target: z.strictObject({ driver: z.string(), settings: z.record(z.string(), z.unknown()) }),
  from: plannedVersion,
  to: plannedVersion,
  strategy: z.string(),
  allowDowntime: z.boolean(),
  batchSize: z.int().min(1),
  maxUnavailablePercentage: z.int().min(1).max(100),
  drainTimeoutMs: count,
  healthCheckIntervalMs: count,
  healthCheckTimeoutMs: count,
});
export type WorkSnapshot = z.infer<typeof snapshot>;

const work = {
  executionId: z.uuid(),
  /** Of this message; a repeated question has another one. */
  commandId: z.string().min(1).max(200),
  fence: z.strictObject({ handOver: z.int().min(1) }),
  page: z.int().min(1).max(WORK_PAGES_MAX),
  pages: z.int().min(1).max(WORK_PAGES_MAX),
  instances: z.array(workInstance).max(PAGE_OF_INSTANCES),
  snapshot,
};

/** What the orchestrator found when it judged the versions; the validator records it as evidence. */
const compatibility = z.strictObject({
  valid: z.boolean(),
  upgradeType: z.string(),
  riskLevel: z.string(),
  requiresDowntime: z.boolean(),
  blockers: z.array(z.string()),
  warnings: z.array(z.string()),
});

export const VALIDATE_TYPE = 'upgrade-orchestrator.validation.requested.v1';
export const ValidateCommand = envelopeOf(
  VALIDATE_TYPE,
  z.strictObject({
    ...work,
    kind: z.enum(['PRE', 'POST']),
    /** How many instances the target is expected to have; null before they were listed. */
    expectedInstances: count.nullable(),
    /**
     * No listed instance was left out at the start (those already there + those taken = all that
     * were listed). A POST question then also asks who is listed by now and not on the version.
     */
    takesAll: z.boolean().default(false),
    compatibility,
    /** What else the caller says is installed there (component → version as people write it). */
    installedComponents: z.record(z.string(), z.string()).default({}),
    /** Component → semver range that the target version needs. */
    requires: z.record(z.string(), z.string()).default({}),
    /** The target version's; only the first page of a POST question carries them. */
    smokeTests: z.array(smokeTest).max(REQUEST_LIMITS.smokeTestsMax).default([]),
    skipChecks: z.array(z.strictObject({ check: z.string(), reason: z.string(), by: z.string() })),
  }),
);
export type ValidateCommand = z.infer<typeof ValidateCommand>;

const checkResult = z.strictObject({
  check: z.string().min(1).max(100),
  outcome: z.enum(['PASSED', 'FAILED', 'WARNING', 'SKIPPED']),
  summary: z.string().max(2_000),
  evidence: z.record(z.string(), z.unknown()),
  durationMs: count,
});

export const VALIDATED_TYPE = 'upgrade-orchestrator.validation.reported.v1';
export const ValidationResult = envelopeOf(
  VALIDATED_TYPE,
  z.strictObject({
    executionId: z.uuid(),
    commandId: z.string(),
    handOver: z.int().min(1),
    kind: z.enum(['PRE', 'POST']),
    /** RUNNING is a sign of life: the checks are under way. */
    state: z.enum(['RUNNING', 'ENDED']),
    checks: z.array(checkResult).max(100),
  }),
);
export type ValidationResult = z.infer<typeof ValidationResult>;

export const WATCH_TYPE = 'upgrade-orchestrator.canary.requested.v1';
export const WatchCommand = envelopeOf(
  WATCH_TYPE,
  z.strictObject({
    ...work,
    /** WATCH: watch the page's instances. END: the execution has left CANARY_MONITORING. */
    kind: z.enum(['WATCH', 'END']),
    /** When CANARY_MONITORING began, ms since 1970: the grid and the duration count from here. */
    beganAtMs: count,
    durationSeconds: count,
    metrics: z.array(canaryMetric).max(REQUEST_LIMITS.canaryMetricsMax),
  }),
);
export type WatchCommand = z.infer<typeof WatchCommand>;

const canarySample = z.strictObject({
  number: z.int().min(1),
  atMs: count,
  outcome: z.enum(SAMPLE_OUTCOMES),
  findings: z
    .array(
      z.strictObject({
        of: z.string().max(200),
        outcome: z.enum(SAMPLE_OUTCOMES),
        value: z.number().nullable(),
        summary: z.string().max(300),
      }),
    )
    .max(REQUEST_LIMITS.canaryMetricsMax + 1),
});

/** Results carry at most this many samples, the latest (spec §6). */
export const SAMPLES_IN_RESULT_MAX = 20;

export const WATCHED_TYPE = 'upgrade-orchestrator.canary.reported.v1';
export const WatchResult = envelopeOf(
  WATCHED_TYPE,
  z.strictObject({
    executionId: z.uuid(),
    commandId: z.string(),
    handOver: z.int().min(1),
    /** ENDED answers an END; RUNNING all else. */
    state: z.enum(['RUNNING', 'ENDED']),
    /** Null before the first sample. UNHEALTHY is latched. */
    verdict: z.enum(CANARY_VERDICTS).nullable(),
    /** Why the verdict is what it is, in a sentence. */
    reason: z.string().max(500),
    durationOver: z.boolean(),
    totals: z.strictObject({ PASS: count, FAIL: count, NO_DATA: count, ERROR: count }),
    /** The latest, oldest first. */
    samples: z.array(canarySample).max(SAMPLES_IN_RESULT_MAX),
  }),
);
export type WatchResult = z.infer<typeof WatchResult>;

/** A fleet may have been mixed before, but hardly of more versions than this. */
export const ROLLBACK_VERSIONS_MAX = 100;

export const ROLL_BACK_TYPE = 'upgrade-orchestrator.rollback.requested.v1';
export const RollbackCommand = envelopeOf(
  ROLL_BACK_TYPE,
  z.strictObject({
    ...work,
    /** ROLL_BACK: take the page's instances back. STOP: begin nothing more of older hand-overs. */
    kind: z.enum(['ROLL_BACK', 'STOP']),
    /**
     * BLUE_GREEN: the way back is one page without instances: traffic back to `switchTo` (null: it
     * never left), then `retire` goes. Null for all other strategies.
     */
    sets: z
      .strictObject({ switchTo: z.string().nullable(), retire: z.string().min(1).max(63) })
      .nullable()
      .default(null),
    /** All instances the target listed: what the room is reckoned from. */
    listed: count,
    /** Versions the instances are to reach besides the snapshot's, with what the driver needs. */
    versions: z.array(plannedVersion).max(ROLLBACK_VERSIONS_MAX),
  }),
);
export type RollbackCommand = z.infer<typeof RollbackCommand>;

export const ROLLED_BACK_TYPE = 'upgrade-orchestrator.rollback.reported.v1';
export const RollbackResult = envelopeOf(
  ROLLED_BACK_TYPE,
  z.strictObject({
    executionId: z.uuid(),
    commandId: z.string(),
    handOver: z.int().min(1),
    /** Indices that are back on the version they had and readmitted, since the last result. */
    restored: z.array(count).max(PAGE_OF_INSTANCES),
    leftOver: z
      .array(z.strictObject({ instanceId: z.string(), reason: z.string().max(1_000) }))
      .max(PAGE_OF_INSTANCES),
    /** Of a rollback by sets: traffic is where it was and the new set is gone. */
    setsRestored: z.boolean().default(false),
    /** RUNNING without instances is a sign of life. STOPPED answers a STOP. */
    state: z.enum(['RUNNING', 'ENDED', 'STOPPED']),
  }),
);
export type RollbackResult = z.infer<typeof RollbackResult>;
