/**
 * A small history in which all is well: a fleet of real processes whose upgrade was rolled back,
 * and a simulated one whose upgrade was completed. Tests of checkers spoil it.
 */
import { EXECUTION_CHANGED_TYPE, INSTANCE_CHANGED_TYPE } from '#contracts/progress.messages.js';
import type { ExecutionShown, Happening, Line } from '../history.js';

export const BACK = '00000000-0000-4000-8000-00000000000a';
export const DONE = '00000000-0000-4000-8000-00000000000b';
const ORIGIN_MS = 1_000_000;
const COMPONENTS = { a: 'component-of-a', b: 'component-of-b' } as const;

export function iso(atMs: number): string {
  return new Date(ORIGIN_MS + atMs).toISOString();
}

/** Happenings as they come, a second apart. */
export function numbered(happenings: readonly Happening[]): Line[] {
  return happenings.map((one, at) => ({ line: at + 1, atMs: at * 1_000, ...one }));
}

type Step = { status: string; from: string | null; by?: string };
type Move = { id: string; from: string; to: string; version?: string };

function eventsOf(executionId: string, tenantId: string, told: readonly (Step | Move)[]): string[] {
  let status = 'PENDING';
  return told.map((one, at) => {
    if ('status' in one) status = one.status;
    const sequence = at + 1;
    const head = { executionId, tenantId, sequence, revision: sequence, executionStatus: status };
    const data =
      'status' in one
        ? { ...head, previousStatus: one.from, by: one.by ?? null }
        : {
            ...{ ...head, instanceId: one.id, instanceStatus: one.to, attempt: 1 },
            ...{ previousInstanceStatus: one.from, version: one.version ?? '1.0.1' },
          };
    const type = 'status' in one ? EXECUTION_CHANGED_TYPE : INSTANCE_CHANGED_TYPE;
    return JSON.stringify({ id: `${executionId}/${String(sequence)}`, type, data });
  });
}

const BACK_EVENTS = eventsOf(BACK, 'tenant-a', [
  { status: 'PENDING', from: null, by: 'ann-1' },
  { status: 'VALIDATING', from: 'PENDING', by: 'sam-1' },
  { status: 'IN_PROGRESS', from: 'VALIDATING' },
  { id: 'a-0', from: 'PENDING', to: 'DRAINING' },
  { id: 'a-0', from: 'DRAINING', to: 'UPGRADING' },
  { status: 'PAUSED', from: 'IN_PROGRESS', by: 'olga-1' },
  { id: 'a-0', from: 'UPGRADING', to: 'HEALTH_CHECKING' },
  { status: 'ROLLING_BACK', from: 'PAUSED', by: 'omar-1' },
  { id: 'a-0', from: 'HEALTH_CHECKING', to: 'ROLLED_BACK', version: '1.0.0' },
  { status: 'ROLLED_BACK', from: 'ROLLING_BACK' },
]);

const DONE_EVENTS = eventsOf(DONE, 'tenant-b', [
  { status: 'PENDING', from: null, by: 'ann-2' },
  { status: 'VALIDATING', from: 'PENDING', by: 'sam-2' },
  { status: 'IN_PROGRESS', from: 'VALIDATING' },
  { id: 'i-0', from: 'PENDING', to: 'DRAINING' },
  { id: 'i-0', from: 'DRAINING', to: 'UPGRADING' },
  { id: 'i-0', from: 'UPGRADING', to: 'HEALTH_CHECKING' },
  { id: 'i-0', from: 'HEALTH_CHECKING', to: 'COMPLETED' },
  { status: 'COMPLETED', from: 'IN_PROGRESS' },
]);

function told(events: readonly string[], partition: number, key: string): Happening[] {
  return events.map((text, at) => {
    return { kind: 'EVENT', partition, offset: String(at), key, text };
  });
}

let ops = 0;

/** A request and its answer; `status` 0: none. */
export function asking(
  by: string,
  action: string,
  executionId: string,
  status: number,
  over: { tenantId?: string; asTenant?: string; code?: string } = {},
): Happening[] {
  ops += 1;
  const { tenantId = executionId === DONE ? 'tenant-b' : 'tenant-a', asTenant = null } = over;
  const path = action === 'create' ? `tenants/${tenantId}/upgrades` : `upgrades/${executionId}`;
  const asked: Happening = {
    ...{ kind: 'ASKED', op: ops, by, tenantId, asTenant, method: 'POST', path, action },
    ...{ executionId: action === 'create' ? null : executionId, key: null, body: null },
    replica: 'one',
  };
  if (status === 0) return [asked, { kind: 'LOST', op: ops, why: 'reset' }];
  const heart = { id: executionId, tenantId, status: 'PENDING', revision: 1 };
  const isWell = status < 300;
  const answered: Happening = {
    ...{ kind: 'ANSWERED', op: ops, status, code: over.code ?? null },
    ...{ heart: isWell ? heart : null, mentions: isWell ? [tenantId] : [] },
  };
  return [asked, answered];
}

function execution(over: Partial<ExecutionShown>): ExecutionShown {
  return {
    ...{ id: DONE, tenantId: 'tenant-b', componentId: COMPONENTS.b, kind: 'UPGRADE' },
    ...{ status: 'COMPLETED', strategy: 'ROLLING', maxUnavailablePercentage: 50 },
    ...{ fromVersionId: 'b-0', toVersionId: 'b-1', failureReason: null, leftOver: 0 },
    ...{ newSet: null, postChecks: ['POST_UPGRADE_STATE PASSED'] },
    ...{ createdAt: iso(10), completedAt: iso(60_000) },
    ...over,
  };
}

const up = (id: string, version: string | null) => {
  return { id, version, admitted: true, healthy: true };
};

const act = (verb: 'drain' | 'bring' | 'readmit', outcome: 'DONE' | 'SUPERSEDED' = 'DONE') => ({
  ...{ instanceId: 'i-0', operationId: `${DONE}/0/1/${verb}`, verb, outcome },
  ...{ version: verb === 'bring' ? '1.0.1' : null, fence: { handOver: 1, epoch: 3 } },
});

const record = (executionId: string, action: string, by: string): Happening => {
  return { kind: 'RECORDED', executionId, action, by, force: false };
};

export function aGoodHistory(): Happening[] {
  ops = 0;
  const fleet = (name: 'a' | 'b', driver: 'agent' | 'simulated') => {
    const own = { fleet: name, tenantId: `tenant-${name}`, componentId: COMPONENTS[name] };
    return { ...own, driver, instances: 2 };
  };
  const shown = { tenantId: 'tenant-a', componentId: COMPONENTS.a };
  const back = { ...shown, fromVersionId: 'a-0', toVersionId: 'a-1', postChecks: [] };
  const row = { index: 0, attempt: 1, fromVersion: '1.0.0' };
  return [
    {
      kind: 'RUN',
      seed: 1,
      originMs: ORIGIN_MS,
      fleets: [fleet('a', 'agent'), fleet('b', 'simulated')],
    },
    { kind: 'STARTED', fleet: 'a', instanceId: 'a-0', version: '1.0.0' },
    { kind: 'STARTED', fleet: 'a', instanceId: 'a-1', version: '1.0.0' },
    { kind: 'LOOK', fleet: 'a', changed: [up('a-0', '1.0.0'), up('a-1', '1.0.0')], gone: [] },
    { kind: 'LOOK', fleet: 'b', changed: [up('i-0', '1.0.0'), up('i-1', '1.0.1')], gone: [] },
    { kind: 'PHASE', phase: 'SAFETY' },
    ...asking('ann-1', 'create', BACK, 201),
    ...asking('ann-2', 'create', DONE, 201),
    ...asking('sam-1', 'start', BACK, 202),
    ...asking('sam-2', 'start', DONE, 202),
    ...asking('ivan-1', 'rollback', BACK, 404, { asTenant: 'tenant-b' }),
    { kind: 'BLOW', blow: 1, what: 'KILL', on: 'orchestrator', phase: 'BEGINS' },
    { kind: 'BLOW', blow: 1, what: 'KILL', on: 'orchestrator', phase: 'ENDS' },
    ...asking('otto-1', 'pause', DONE, 0),
    ...asking('otto-2', 'pause', DONE, 503, { code: 'DATABASE_UNAVAILABLE' }),
    ...asking('olga-1', 'pause', BACK, 202),
    { kind: 'LOOK', fleet: 'a', changed: [{ ...up('a-0', null), admitted: false }], gone: [] },
    { kind: 'STARTED', fleet: 'a', instanceId: 'a-0', version: '1.0.1' },
    ...asking('omar-1', 'rollback', BACK, 202),
    ...asking('olga-2', 'resume', BACK, 409, { code: 'NOT_ALLOWED' }),
    { kind: 'STARTED', fleet: 'a', instanceId: 'a-0', version: '1.0.0' },
    { kind: 'LOOK', fleet: 'a', changed: [up('a-0', '1.0.0')], gone: [] },
    ...told(BACK_EVENTS, 0, BACK),
    ...told(DONE_EVENTS, 1, DONE),
    { kind: 'LOAD', fleet: 'a', served: 1_000, dropped: 0, problems: [] },
    { kind: 'PHASE', phase: 'CENSUS' },
    {
      kind: 'EXECUTION',
      execution: execution({ ...back, id: BACK, status: 'ROLLED_BACK' }),
      instances: [{ ...row, instanceId: 'a-0', status: 'ROLLED_BACK' }],
      events: BACK_EVENTS,
    },
    {
      kind: 'EXECUTION',
      execution: execution({}),
      instances: [{ ...row, instanceId: 'i-0', status: 'COMPLETED' }],
      events: DONE_EVENTS,
    },
    ...standing(),
    { kind: 'ACTS', fleet: 'b', acts: [act('drain'), act('bring'), act('readmit')] },
    record(BACK, 'CREATE', 'ann-1'),
    record(DONE, 'CREATE', 'ann-2'),
    record(BACK, 'START', 'sam-1'),
    record(DONE, 'START', 'sam-2'),
    record(BACK, 'PAUSE', 'olga-1'),
    record(BACK, 'ROLLBACK', 'omar-1'),
    { kind: 'DEAD_LETTERS', topic: 'upgrade.progress.v1', reasons: [] },
  ];
}

function standing(): Happening[] {
  const versions = (name: string) => [
    { id: `${name}-0`, version: '1.0.0' },
    { id: `${name}-1`, version: '1.0.1' },
  ];
  return [
    { kind: 'VERSIONS', fleet: 'a', versions: versions('a'), bad: [] },
    { kind: 'VERSIONS', fleet: 'b', versions: versions('b'), bad: [] },
    {
      ...{ kind: 'STANDING', fleet: 'a', live: 'main', sets: ['main'], keepsSet: false },
      ...{ currentVersionId: 'a-0', observedVersions: { '1.0.0': 2 } },
      instances: [up('a-0', '1.0.0'), up('a-1', '1.0.0')],
    },
    {
      ...{ kind: 'STANDING', fleet: 'b', live: 'main', sets: ['main'], keepsSet: false },
      ...{ currentVersionId: 'b-1', observedVersions: { '1.0.1': 2 } },
      instances: [up('i-0', '1.0.1'), up('i-1', '1.0.1')],
    },
  ];
}
