/** An execution as it is answered (spec §2): the request's fields, and what became of it. */
import { z } from 'zod';
import {
  EXECUTION_STATUSES,
  INSTANCE_STATUSES,
  isTerminal,
  touched,
  type CheckResult,
  type Execution,
} from '#core/execution/execution.js';
import { ACTION_TYPES } from '#core/execution/execution-inputs.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { ShownUpgrade, StoredInstance } from '../upgrade-reads.runner.js';
import { isoOf, isoOrNull, Time } from './fields.js';
import { pageOf } from './paging.js';
import { UpgradeRequest } from './upgrade-requests.js';

/** Base path of all routes (spec §2). */
export const BASE_PATH = '/api/v1/registry';

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

const CheckView = z
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
    leftOver: z
      .array(z.strictObject({ instanceId: z.string(), reason: z.string() }))
      .meta({ description: 'What could not be brought back: the first 100' }),
    leftOverCount: count,
  })
  .meta({ id: 'RollbackInfo' });

const who = { reason: z.string(), by: z.string() };

export const UpgradeView = z
  .strictObject({
    ...UpgradeRequest.shape,
    id: z.uuid(),
    tenantId: z.string(),
    kind: z.enum(['UPGRADE', 'REVERT']),
    status: z.enum(EXECUTION_STATUSES),
    stopping: z
      .strictObject({ to: z.enum(['CANCELLED', 'FAILED']), ...who })
      .nullable()
      .meta({ description: 'Nothing new starts; it ends when what is under way has ended' }),
    waitingFor: z.strictObject({ kind: z.string(), who: z.string(), since: Time }).nullable(),
    pausedFrom: z.enum(['IN_PROGRESS', 'CANARY_RUNNING']).nullable(),
    pauseReason: z.enum(['OPERATOR', 'STAGE_APPROVAL']).nullable(),
    progress: ProgressView,
    rollbackInfo: RollbackInfoView,
    validationResults: z.array(CheckView),
    canary: z.null(),
    failureReason: z.string().nullable(),
    warnings: z.array(z.string()).meta({ description: 'As they stood when it was created' }),
    createdAt: Time,
    startedAt: Time.nullable(),
    completedAt: Time.nullable(),
    revision: z.int().min(1).meta({ description: 'Also the ETag; for If-Match' }),
    allowedActions: z.array(z.enum(ACTION_TYPES)),
  })
  .meta({ id: 'Upgrade' });
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
    status: execution.status,
    ...inOrder(request),
    stopping,
    waitingFor:
      waitingFor === null
        ? null
        : { kind: waitingFor.kind, who: waitingFor.who, since: isoOf(waitingFor.sinceMs) },
    pausedFrom: paused?.pausedFrom ?? null,
    pauseReason: paused?.pauseReason ?? null,
    progress,
    rollbackInfo: rollbackInfo(execution, shown.restored),
    validationResults: [
      ...execution.preChecks.map((check) => checkView('PRE', check)),
      ...execution.postChecks.map((check) => checkView('POST', check)),
    ],
    canary: null,
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

function checkView(phase: 'PRE' | 'POST', result: CheckResult): z.infer<typeof CheckView> {
  return { phase, ...result, evidence: { ...result.evidence } };
}

function rollbackInfo(
  execution: Execution,
  restored: readonly string[] | null,
): z.infer<typeof RollbackInfoView> {
  const { plan, counters, rollback } = execution;
  const leftOver = rollback?.leftOver ?? [];
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
    leftOver: leftOver.slice(0, REQUEST_LIMITS.instancesShown),
    // An agent that fell silent has named none of them.
    leftOverCount: isTerminal(execution.status) ? notBack(execution) : leftOver.length,
  };
}

/** Touched instances of a rollback that are not back. */
function notBack(execution: Execution): number {
  return execution.rollback === null ? 0 : touched(execution) - execution.counters.ROLLED_BACK;
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
  .meta({ id: 'Instance' });
export const InstancePage = pageOf(InstanceView, 'InstancePage');

export function instanceView(instance: StoredInstance): z.infer<typeof InstanceView> {
  const { index, instanceId, status, attempt, fromVersion, failure, movedAtMs } = instance;
  const movedAt = isoOf(movedAtMs);
  return { index, instanceId, status, attempt, fromVersion, failure, movedAt };
}

export const EventView = z
  .looseObject({
    specversion: z.literal('1.0'),
    id: z.string().meta({ description: '`<executionId>/<sequence>`' }),
    type: z.string(),
    source: z.string(),
    subject: z.string(),
    time: Time,
    data: z.looseObject({ sequence: z.int().min(1) }),
  })
  .meta({ id: 'ProgressEvent', description: 'CloudEvents 1.0, as on the progress topic' });
export const EventPage = pageOf(EventView, 'EventPage');
