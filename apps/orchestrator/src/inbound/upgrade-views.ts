/** An execution as it is answered (spec §2): the request's fields, and what became of it. */
import { z } from 'zod';
import {
  EXECUTION_STATUSES,
  INSTANCE_STATUSES,
  type CheckResult,
  type Execution,
} from '#core/execution/execution.js';
import { CANARY_VERDICTS, SAMPLE_OUTCOMES } from '#core/canary/canary-samples.js';
import { ACTION_TYPES } from '#core/execution/execution-inputs.js';
import { ProgressEvent } from '#contracts/progress.messages.js';
import {
  LEFT_OVER_STATUSES,
  leftOverCount,
  type ShownUpgrade,
  type StoredInstance,
} from '../upgrade-reads.runner.js';
import { BASE_PATH } from './root-path.js';
import { EVENT_EXAMPLE, INSTANCE_EXAMPLE, UPGRADE_EXAMPLE } from './examples.js';
import { isoOf, isoOrNull, Time } from './fields.js';
import { pageOf } from './paging.js';
import { UpgradeRequest } from './upgrade-requests.js';

export { BASE_PATH };

const count = z.int().min(0);

const ProgressView = z
  .strictObject({
    total: count,
    completed: count,
    failed: count,
    rolledBack: count,
    percentage: count.meta({ description: 'floor(100 · completed / total); falls in a rollback' }),
  })
  .meta({ id: 'Progress' });

export const CheckView = z
  .strictObject({
    phase: z.enum(['PRE', 'POST']),
    check: z.string(),
    outcome: z.enum(['PASSED', 'FAILED', 'WARNING', 'SKIPPED']),
    summary: z.string(),
    evidence: z.record(z.string(), z.unknown()),
    durationMs: count,
  })
  .meta({ id: 'ValidationResult' });

const RollbackInfoView = z
  .strictObject({
    autoRollbackEnabled: z.boolean(),
    failureThreshold: count,
    currentFailures: count,
    rollbackReason: z.string().nullable(),
    rollbackInitiatedAt: Time.nullable(),
    rollbackInitiatedBy: z.string().nullable(),
    rolledBackInstances: z
      .array(z.string())
      .optional()
      .meta({ description: 'The first 100 ids; left out in lists' }),
    rolledBackInstancesCount: count,
    rolledBackInstancesLink: z.string(),
    leftOver: z.array(z.strictObject({ instanceId: z.string(), reason: z.string() })).meta({
      description:
        'What was not brought back: the first 100. Of BLUE_GREEN it may be a set that stands in ' +
        "an instance's place: its reason begins with `set <name>: `. In lists only what was " +
        'named by the time the rollback ended',
    }),
    leftOverCount: count,
    leftOverLink: z
      .string()
      .meta({ description: 'Instances that were touched and are not back, once it has ended' }),
  })
  .meta({ id: 'RollbackInfo' });

const CanarySampleView = z
  .strictObject({
    number: z.int().min(1).meta({ description: 'Which moment of the grid; a missed one is a gap' }),
    at: Time,
    outcome: z.enum(SAMPLE_OUTCOMES),
    findings: z.array(
      z.strictObject({
        of: z.string().meta({ description: '`health`, or the name of the metric' }),
        outcome: z.enum(SAMPLE_OUTCOMES),
        value: z.number().nullable(),
        summary: z.string(),
      }),
    ),
  })
  .meta({ id: 'CanarySample' });

const CanaryView = z
  .strictObject({
    verdict: z.enum(CANARY_VERDICTS).nullable().meta({
      description: 'Null before the first sample; UNHEALTHY stays. No data is never HEALTHY',
    }),
    reason: z.string().meta({ description: 'Why the verdict is what it is' }),
    beganAt: Time,
    endsAt: Time.meta({ description: 'When canaryDurationSeconds are over' }),
    durationOver: z.boolean(),
    lastHeardAt: Time.meta({ description: 'When the monitor last said anything' }),
    totals: z.strictObject({ PASS: count, FAIL: count, NO_DATA: count, ERROR: count }),
    samples: z.array(CanarySampleView).meta({ description: 'The latest, oldest first' }),
  })
  .meta({ id: 'Canary' });

const NewSetView = z
  .strictObject({
    name: z.string(),
    state: z.enum(['CREATING', 'STANDING', 'LIVE', 'RETIRED', 'UNKNOWN']).meta({
      description: 'STANDING: beside the live one. LIVE: all new requests go to it',
    }),
    previous: z.string().nullable().meta({ description: 'The set that was live before' }),
    leftBehind: z
      .string()
      .nullable()
      .meta({ description: 'It was to be retired and could not be: why' }),
  })
  .meta({ id: 'NewSet' });

const who = { reason: z.string(), by: z.string() };

export const UpgradeView = z
  .strictObject({
    ...UpgradeRequest.shape,
    id: z.uuid(),
    tenantId: z.string(),
    kind: z.enum(['UPGRADE', 'REVERT']),
    revertOf: z
      .uuid()
      .nullable()
      .meta({ description: 'Of a REVERT: the execution whose moves it takes back' }),
    status: z.enum(EXECUTION_STATUSES),
    stopping: z
      .strictObject({ to: z.enum(['CANCELLED', 'FAILED']), ...who })
      .nullable()
      .meta({ description: 'Nothing new starts; it ends when what is under way has ended' }),
    waitingFor: z.strictObject({ kind: z.string(), who: z.string(), since: Time }).nullable(),
    pausedFrom: z.enum(['IN_PROGRESS', 'CANARY_RUNNING']).nullable(),
    pauseReason: z.enum(['OPERATOR', 'STAGE_APPROVAL']).nullable(),
    pausedAt: Time.nullable(),
    progress: ProgressView,
    rollbackInfo: RollbackInfoView,
    validationResults: z.array(CheckView),
    canary: CanaryView.nullable().meta({
      description: 'Null before CANARY_MONITORING, and for all other strategies',
    }),
    newSet: NewSetView.nullable().meta({ description: 'Null for all strategies but BLUE_GREEN' }),
    failureReason: z.string().nullable(),
    warnings: z.array(z.string()).meta({ description: 'As they stood when it was created' }),
    createdAt: Time,
    startedAt: Time.nullable(),
    completedAt: Time.nullable(),
    revision: z.int().min(1).meta({ description: 'Also the ETag; for If-Match' }),
    allowedActions: z.array(z.enum(ACTION_TYPES)),
  })
  .meta({ id: 'Upgrade', examples: [UPGRADE_EXAMPLE] });
export const UpgradePage = pageOf(UpgradeView, 'UpgradePage');

/** What is answered for an execution; its request's fields are those that were accepted. */
export function upgradeView(shown: ShownUpgrade): Record<string, unknown> {
  const { stored, progress, allowedActions } = shown;
  const { execution, request, compatibility } = stored;
  const { stopping, waitingFor } = execution;
  const paused = execution.status === 'PAUSED' ? execution : null;
  return {
    id: execution.id,
    tenantId: execution.tenantId,
    kind: execution.kind,
    revertOf: execution.revertOf,
    status: execution.status,
    ...inOrder(request),
    stopping,
    waitingFor:
      waitingFor === null
        ? null
        : { kind: waitingFor.kind, who: waitingFor.who, since: isoOf(waitingFor.sinceMs) },
    pausedFrom: paused?.pausedFrom ?? null,
    pauseReason: paused?.pauseReason ?? null,
    pausedAt: isoOrNull(paused?.pausedAtMs ?? null),
    progress,
    rollbackInfo: rollbackInfo(shown),
    validationResults: [
      ...execution.preChecks.map((check) => checkView('PRE', check)),
      ...execution.postChecks.map((check) => checkView('POST', check)),
    ],
    canary: canaryView(execution),
    newSet: newSetView(execution),
    failureReason: execution.failureReason,
    warnings: compatibility.warnings,
    createdAt: isoOf(execution.createdAtMs),
    startedAt: isoOrNull(execution.startedAtMs),
    completedAt: isoOrNull(execution.completedAtMs),
    revision: execution.revision,
    allowedActions,
  };
}

/** The request's fields as its schema has them: the database keeps them in an order of its own. */
function inOrder(request: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const known = Object.keys(UpgradeRequest.shape).filter((field) => field in request);
  return Object.fromEntries(known.map((field) => [field, request[field]]));
}

export function linkOf(executionId: string): string {
  return `${BASE_PATH}/upgrades/${executionId}`;
}

export function etagOf({ stored }: ShownUpgrade): string {
  return `"${String(stored.execution.revision)}"`;
}

function canaryView({ canary }: Execution): z.infer<typeof CanaryView> | null {
  if (canary === null) return null;
  const { verdict, reason, durationOver, totals } = canary;
  return {
    ...{ verdict, reason, durationOver, totals: { ...totals } },
    beganAt: isoOf(canary.beganAtMs),
    endsAt: isoOf(canary.endsAtMs),
    lastHeardAt: isoOf(canary.lastHeardAtMs),
    samples: canary.samples.map(({ number, atMs, outcome, findings }) => {
      return { number, at: isoOf(atMs), outcome, findings: [...findings] };
    }),
  };
}

function newSetView({ newSet }: Execution): z.infer<typeof NewSetView> | null {
  if (newSet === null) return null;
  const { name, state, previous, leftBehind } = newSet;
  return { name, state, previous, leftBehind };
}

export function checkView(phase: 'PRE' | 'POST', result: CheckResult): z.infer<typeof CheckView> {
  return { phase, ...result, evidence: { ...result.evidence } };
}

function rollbackInfo(shown: ShownUpgrade): z.infer<typeof RollbackInfoView> {
  const { stored, restored, leftOver } = shown;
  const { execution } = stored;
  const { plan, counters, rollback } = execution;
  return {
    autoRollbackEnabled: plan.autoRollbackEnabled,
    failureThreshold: plan.failureThreshold,
    currentFailures: counters.FAILED,
    rollbackReason: rollback?.reason ?? null,
    rollbackInitiatedAt: isoOrNull(rollback?.initiatedAtMs ?? null),
    rollbackInitiatedBy: rollback?.initiatedBy ?? null,
    ...(restored === null ? {} : { rolledBackInstances: [...restored] }),
    rolledBackInstancesCount: counters.ROLLED_BACK,
    rolledBackInstancesLink: `${linkOf(execution.id)}/instances?status=ROLLED_BACK`,
    leftOver: [...leftOver],
    leftOverLink: `${linkOf(execution.id)}/instances?status=${LEFT_OVER_STATUSES.join(',')}`,
    leftOverCount: leftOverCount(execution),
  };
}

export const InstanceView = z
  .strictObject({
    index: count.meta({ description: 'Position in the order of ids' }),
    instanceId: z.string(),
    status: z.enum(INSTANCE_STATUSES),
    attempt: z.int(),
    fromVersion: z.string().nullable().meta({ description: 'Seen on it when it was taken' }),
    failure: z.string().nullable(),
    movedAt: Time,
  })
  .meta({ id: 'Instance', examples: [INSTANCE_EXAMPLE] });
export const InstancePage = pageOf(InstanceView, 'InstancePage');

export function instanceView(instance: StoredInstance): z.infer<typeof InstanceView> {
  const { index, instanceId, status, attempt, fromVersion, failure, movedAtMs } = instance;
  const movedAt = isoOf(movedAtMs);
  return { index, instanceId, status, attempt, fromVersion, failure, movedAt };
}

export const EventView = ProgressEvent.meta({
  id: 'ProgressEvent',
  description: 'CloudEvents 1.0, as on the progress topic; `id` is `<executionId>/<sequence>`',
  examples: [EVENT_EXAMPLE],
});
export const EventPage = pageOf(EventView, 'EventPage');
