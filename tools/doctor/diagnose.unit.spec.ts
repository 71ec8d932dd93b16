import { describe, expect, it } from '@jest/globals';
import { diagnose, repairsFor } from './diagnose.js';
import { exitCodeOf, leftOf, mendedLines, reportLines } from './report-lines.js';
import {
  SERVICE_NAMES,
  type DeploymentSeen,
  type ExecutionSeen,
  type GroupSeen,
  type Seen,
  type ServiceSeen,
  type TargetSeen,
  type ToldSeen,
  type TopicsSeen,
  type WorkSeen,
} from './seen.js';

const NOW = 1_800_000_000_000;
const ID = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';
const ALL = { tenant: null, deployments: 1, executions: 1 };
const COMPONENT = '33333333-3333-4333-8333-333333333333';

const execution = (more: Partial<ExecutionSeen> = {}): ExecutionSeen => ({
  ...{ id: ID, tenantId: 'acme', componentId: COMPONENT, shard: 3, status: 'IN_PROGRESS' },
  ...{ isActive: true, revision: 9, sequence: 20, toldSequence: 20, handOver: 1 },
  ...{ createdAtMs: NOW - 60_000, lastProgressAtMs: NOW - 1_000, awaitsPostChecks: false },
  isSettled: true,
  ...more,
});
const told = (more: Partial<ToldSeen> = {}): ToldSeen => ({
  ...{ executionId: ID, tenantId: 'acme', firstSequence: 1, lastSequence: 20, missing: 0 },
  status: 'IN_PROGRESS',
  ...more,
});
const topics = (more: Partial<TopicsSeen> = {}): TopicsSeen => {
  const none = { missing: [], isCut: false, work: [], groups: [], deadLetters: [] };
  return { ...none, told: [told()], ...more };
};
const service = (name: ServiceSeen['name'], more: Partial<ServiceSeen> = {}): ServiceSeen => ({
  ...{ name, applied: ['One1'], known: ['One1'] },
  leases: Array.from({ length: 16 }, (_, shard) => ({ shard, epoch: 5, isHeld: true })),
  outbox: { rows: 0, moves: false, stands: false },
  lateTimers: { count: 0, oldestAtMs: null },
  ...more,
});
const target = (more: Partial<TargetSeen> = {}): TargetSeen => ({
  highestFence: { handOver: 1, epoch: 5 },
  ...{ sets: [{ name: 'main', live: true }], versions: { '1.0.0': 4 }, silent: 0 },
  ...more,
});
const deployment = (more: Partial<DeploymentSeen> = {}): DeploymentSeen => ({
  ...{ tenantId: 'acme', componentId: COMPONENT, componentName: 'greeter', handOver: 1 },
  ...{ currentVersion: '1.0.0', observedVersions: {}, knownSets: [], activeExecutionId: ID },
  ...{ target: target(), differences: [] },
  ...more,
});
const work = (more: Partial<WorkSeen> = {}): WorkSeen => {
  return {
    service: 'validator',
    executionId: ID,
    handOver: 1,
    kind: 'PRE',
    state: 'OVER',
    ...more,
  };
};
const group = (more: Partial<GroupSeen> = {}): GroupSeen => ({
  ...{ group: 'validator', topic: 'upgrade.validator.commands.v1', partition: 0 },
  ...{ committed: 10, low: 0, high: 10 },
  ...more,
});
const seen = (more: Partial<Seen> = {}): Seen => ({
  ...{ tenant: null, clockAheadMs: 20, nowMs: NOW },
  services: SERVICE_NAMES.map((name) => service(name)),
  ...{ executions: [execution()], work: [], topics: topics(), deployments: [deployment()] },
  ...more,
});
const codes = (more: Partial<Seen>): string[] => diagnose(seen(more)).map(({ code }) => code);
const only = (name: ServiceSeen['name'], more: Partial<ServiceSeen>): ServiceSeen[] =>
  SERVICE_NAMES.map((each) => service(each, each === name ? more : {}));

describe('nothing is found', () => {
  it.each<[string, Partial<Seen>]>([
    ['where all say the same', {}],
    ['where the topic is not yet as far as the row', { executions: [execution({ sequence: 25 })] }],
    [
      'of events that the topic has kept as long as it does',
      {
        executions: [execution({ createdAtMs: 0 })],
        topics: topics({ told: [told({ firstSequence: 8 })] }),
      },
    ],
    ['where a service is at work', { work: [work({ state: 'RUNNING' })] }],
    [
      'of a target with no fence',
      { deployments: [deployment({ target: target({ highestFence: null }) })] },
    ],
    [
      'of a group that has read all, and one that is new',
      {
        topics: topics({ groups: [group(), group({ committed: null })] }),
      },
    ],
  ])('%s', (_, more) => {
    expect(codes(more)).toEqual([]);
  });
});

describe('after the database was restored from an older backup', () => {
  it('an execution that only the topic knows', () => {
    expect(codes({ executions: [], deployments: [] })).toEqual(['EXECUTION_UNKNOWN']);
  });

  it('a row behind what was told: it goes on behind that, and epochs leap', () => {
    const found = diagnose(seen({ topics: topics({ told: [told({ lastSequence: 33 })] }) }));
    expect(found.map(({ code, severity }) => [code, severity])).toEqual([['TOLD_AHEAD', 'DANGER']]);
    expect(repairsFor(found)).toEqual([
      { kind: 'RAISE_EPOCHS', above: 0 },
      { kind: 'GO_ON_BEHIND', executionId: ID, sequence: 33, handOver: 1 },
    ]);
  });

  it('ended on the topic and active here', () => {
    const ended = told({ lastSequence: 33, status: 'COMPLETED' });
    expect(codes({ topics: topics({ told: [ended] }) })).toEqual(['TOLD_AHEAD', 'ENDED_ON_TOPIC']);
  });

  it('a target that has seen a higher hand-over: of the deployment, and of what is active', () => {
    const highestFence = { handOver: 3, epoch: 9 };
    const found = diagnose(
      seen({ deployments: [deployment({ target: target({ highestFence }) })] }),
    );
    expect(found.map(({ code }) => code)).toEqual(['FENCE_AHEAD']);
    expect(repairsFor(found)).toEqual([
      { kind: 'RAISE_EPOCHS', above: 0 },
      { kind: 'RAISE_HAND_OVER', tenantId: 'acme', componentId: COMPONENT, handOver: 3 },
      { kind: 'GO_ON_BEHIND', executionId: ID, sequence: 20, handOver: 3 },
    ]);
  });

  it('a target that has seen a higher epoch of the same hand-over', () => {
    const highestFence = { handOver: 1, epoch: 6 };
    const found = diagnose(
      seen({ deployments: [deployment({ target: target({ highestFence }) })] }),
    );
    expect(found.map(({ code }) => code)).toEqual(['EPOCH_BEHIND']);
    expect(repairsFor(found)).toEqual([{ kind: 'RAISE_EPOCHS', above: 6 }]);
  });

  it('the epoch is that of whichever service drives: in a rollback the agent', () => {
    const highestFence = { handOver: 1, epoch: 6 };
    const leases = [{ shard: 3, epoch: 7, isHeld: true }];
    const more = {
      executions: [execution({ status: 'ROLLING_BACK' })],
      work: [work({ service: 'rollback-agent', kind: '', state: 'RUNNING' })],
      deployments: [deployment({ target: target({ highestFence }) })],
    };
    expect(codes({ ...more, services: only('rollback-agent', { leases }) })).toEqual([]);
    expect(codes({ ...more, services: only('orchestrator', { leases }) })).toEqual([
      'EPOCH_BEHIND',
    ]);
  });

  it.each([
    ['VALIDATING', 'it ends FAILED by its deadline'],
    ['ROLLING_BACK', 'the agent is asked once more'],
    ['CANARY_MONITORING', 'the monitor is asked again'],
  ])('a raised hand-over outdates what %s waits for, and that is said', (status, end) => {
    const executions = [execution({ status })];
    const highestFence = { handOver: 3, epoch: 9 };
    const deployments = [deployment({ target: target({ highestFence }) })];
    const ahead = [work({ handOver: 3, state: 'RUNNING' })];
    const found = diagnose(seen({ executions, deployments, work: ahead }));
    const raised = found.filter(({ repairs }) => repairs.length > 0);
    expect(raised.map(({ code }) => code)).toEqual(['HAND_OVER_AHEAD', 'FENCE_AHEAD']);
    for (const { todo } of raised) expect(todo).toContain(end);
    const idle = diagnose(seen({ deployments }));
    expect(idle.map(({ todo }) => todo)).not.toContainEqual(expect.stringContaining('older'));
  });

  it('instances, fleets and sets that are not as the rows say', () => {
    const differences = [
      { instanceId: 'i-1', status: 'PENDING', expected: '1.0.0', reports: '1.1.0' },
    ];
    const sets = [
      { name: 'main', live: true },
      { name: 'kept', live: false },
      { name: 'stray', live: false },
    ];
    const known = deployment({ knownSets: ['kept'], differences, target: target({ sets }) });
    expect(codes({ deployments: [known] })).toEqual(['SET_UNKNOWN', 'INSTANCE_ELSEWHERE']);
    const idle = deployment({
      activeExecutionId: null,
      target: target({ versions: { '1.0.0': 1, '1.1.0': 3 } }),
    });
    expect(codes({ deployments: [idle] })).toEqual(['FLEET_ELSEWHERE']);
    const mixed = { ...idle, observedVersions: { '1.1.0': 3, '1.0.0': 1 } };
    expect(codes({ deployments: [mixed] })).toEqual([]);
  });

  it('work of another age than the execution', () => {
    const ahead = [work({ handOver: 2, state: 'RUNNING' })];
    expect(codes({ work: ahead })).toEqual(['HAND_OVER_AHEAD']);
    const message = { executionId: ID, tenantId: 'acme', topic: 'results', handOver: 2 };
    const found = diagnose(seen({ work: ahead, topics: topics({ work: [message] }) }));
    expect(found).toHaveLength(1);
    expect(repairsFor(found)).toContainEqual({
      ...{ kind: 'GO_ON_BEHIND', executionId: ID, sequence: 20, handOver: 2 },
    });
    expect(codes({ work: [work({ executionId: OTHER })] })).toEqual(['WORK_UNKNOWN']);
    const unknown = { ...message, executionId: OTHER };
    expect(codes({ topics: topics({ work: [unknown] }) })).toEqual(['MESSAGE_UNKNOWN']);
  });
});

describe('after Kafka was lost', () => {
  it('events that were told and are not there are told again', () => {
    const found = diagnose(seen({ topics: topics({ told: [told({ lastSequence: 12 })] }) }));
    expect(repairsFor(found)).toEqual([{ kind: 'TELL_AGAIN', executionId: ID, afterSequence: 12 }]);
    expect(codes({ topics: topics({ told: [] }) })).toEqual(['TOLD_LOST']);
  });

  it('what later events stand behind is only said', () => {
    const found = diagnose(seen({ topics: topics({ told: [told({ firstSequence: 13 })] }) }));
    expect(found.map(({ code }) => code)).toEqual(['EVENTS_MISSING']);
    expect(repairsFor(found)).toEqual([]);
    expect(codes({ topics: topics({ told: [told({ missing: 2 })] }) })).toEqual(['EVENTS_MISSING']);
  });

  it('what stands on the part of the topic that was not read is not missing', () => {
    const isCut = true;
    expect(codes({ topics: topics({ isCut, told: [] }) })).toEqual([]);
    expect(codes({ topics: topics({ isCut, told: [told({ firstSequence: 13 })] }) })).toEqual([]);
    const short = told({ lastSequence: 12 });
    expect(codes({ topics: topics({ isCut, told: [short] }) })).toEqual(['TOLD_LOST']);
  });

  it.each([
    ['VALIDATING', false, 'PRE', 'validator'],
    ['IN_PROGRESS', true, 'POST', 'validator'],
    ['CANARY_MONITORING', false, '', 'canary-monitor'],
    ['ROLLING_BACK', false, '', 'rollback-agent'],
  ] as const)('%s waits for an answer that is not coming', (status, awaits, kind, asked) => {
    const executions = [execution({ status, awaitsPostChecks: awaits })];
    expect(codes({ executions })).toEqual(['NEVER_ASKED']);
    const answered = [work({ service: asked, kind })];
    expect(codes({ executions, work: answered })).toEqual(['ANSWER_MISSED']);
    expect(codes({ executions, work: [work({ service: asked, kind, state: 'RUNNING' })] })).toEqual(
      [],
    );
    // It has just moved, or something is still on its way.
    const moving = executions.map((each) => ({ ...each, isSettled: false }));
    expect(codes({ executions: moving })).toEqual([]);
    const services = only('orchestrator', { outbox: { rows: 1, moves: true, stands: false } });
    expect(codes({ executions, services })).toEqual([]);
  });

  it('what a group has not read yet is on its way', () => {
    const executions = [execution({ status: 'VALIDATING' })];
    const groups = [group({ committed: 9 })];
    expect(codes({ executions, topics: topics({ groups }) })).toEqual([]);
  });

  it('topics that are not there, offsets that nobody has, letters that wait', () => {
    const missing = ['upgrade.progress.v1.dlq'];
    expect(codes({ topics: topics({ missing }) })).toEqual(['TOPIC_MISSING']);
    expect(codes({ topics: topics({ groups: [group({ committed: 11 })] }) })).toEqual([
      'OFFSET_BEYOND_END',
    ]);
    expect(codes({ topics: topics({ groups: [group({ committed: 2, low: 4 })] }) })).toEqual([
      'OFFSET_TOO_OLD',
    ]);
    const deadLetters = [{ topic: 'upgrade.progress.v1', count: 2 }];
    expect(codes({ topics: topics({ deadLetters }) })).toEqual(['DEAD_LETTERS']);
  });
});

describe('what does not run as it should', () => {
  it.each<[string, Partial<ServiceSeen>, string]>([
    ['a schema that is not there', { applied: null }, 'SCHEMA_MISSING'],
    ['one that is older than the code', { known: ['One1', 'Two2'] }, 'MIGRATION_MISSING'],
    ['one that is newer', { applied: ['One1', 'Two2'] }, 'MIGRATION_UNKNOWN'],
    ['a shard of nobody', { leases: [{ shard: 3, epoch: 5, isHeld: false }] }, 'SHARD_UNOWNED'],
    ['an outbox that stands', { outbox: { rows: 7, moves: true, stands: true } }, 'OUTBOX_STANDS'],
    ['timers that are late', { lateTimers: { count: 2, oldestAtMs: NOW - 90_000 } }, 'TIMERS_LATE'],
  ])('%s', (_, more, code) => {
    expect(codes({ services: only('orchestrator', more) })).toEqual([code]);
  });

  it('clocks that are apart, either way', () => {
    expect(codes({ clockAheadMs: 3_600_000 })).toEqual(['CLOCKS_APART']);
    expect(codes({ clockAheadMs: -3_600_000 })).toEqual(['CLOCKS_APART']);
  });
});

describe('what is said', () => {
  const ahead = topics({ told: [told({ lastSequence: 33 })] });

  it('to a tenant: its own alone, and nothing of the installation', () => {
    const services = only('validator', { applied: null });
    const acme = seen({ tenant: 'acme', topics: ahead, services });
    expect(diagnose(acme).map(({ code }) => code)).toEqual(['TOLD_AHEAD']);
    expect(diagnose({ ...acme, tenant: 'other' })).toEqual([]);
  });

  it('how far the look went, and that the rest was not looked at', () => {
    const lookedAt = { tenant: 'acme', deployments: 2, executions: 3 };
    const clean = { findings: [], notLookedAt: [] };
    const said = reportLines({ ...clean, lookedAt }).join('\n');
    expect(said).toContain('looked at 2 deployments and 3 executions of tenant acme; not at other');
    expect(said).toContain('nothing found');
    expect(reportLines({ ...clean, lookedAt: ALL }).join('\n')).toContain('the installation');
  });

  it('what was mended, and what is left that the start of the services does not end', () => {
    const leases = [{ shard: 3, epoch: 5, isHeld: false }];
    const stopped = {
      services: SERVICE_NAMES.map((name) => service(name, { leases })),
      topics: topics({ missing: ['upgrade.progress.v1'] }),
    };
    const whole = { lookedAt: ALL, findings: diagnose(seen(stopped)), notLookedAt: [] };
    expect(whole.findings).toHaveLength(5);
    expect(leftOf(whole)).toEqual([]);
    expect(mendedLines(['epochs raised'], whole)).toEqual([
      '✓ epochs raised',
      'mended: 1; left: 0. Start the services, then run it once more',
    ]);
    const differences = [
      { instanceId: 'i-1', status: 'PENDING', expected: '1.0.0', reports: '1.1.0' },
    ];
    const deployments = [deployment({ differences })];
    const mixed = { ...whole, findings: diagnose(seen({ ...stopped, deployments })) };
    expect(leftOf(mixed).map(({ code }) => code)).toEqual(['INSTANCE_ELSEWHERE']);
    const said = mendedLines([], { ...mixed, notLookedAt: ['Kafka'] }).join('\n');
    expect(said).toContain('left: INSTANCE_ELSEWHERE   deployment of greeter');
    expect(said).toContain('not looked at: Kafka');
    expect(said).toContain('mended: 0; left: 1');
  });

  it('the worst first', () => {
    const deadLetters = [{ topic: 'upgrade.progress.v1', count: 2 }];
    const found = diagnose(seen({ topics: { ...ahead, deadLetters } }));
    expect(found.map(({ severity }) => severity)).toEqual(['DANGER', 'NOTICE']);
  });

  it('never that nothing was found when a part could not be asked', () => {
    const found = diagnose(seen({ topics: ahead }));
    expect(exitCodeOf({ findings: [], notLookedAt: [] })).toBe(0);
    expect(exitCodeOf({ findings: found, notLookedAt: [] })).toBe(1);
    expect(exitCodeOf({ findings: [], notLookedAt: ['Kafka'] })).toBe(2);
    const dripping = { lookedAt: ALL, findings: [], notLookedAt: ['Kafka: \u001b[2J'] };
    const silent = reportLines(dripping).join('\n');
    expect(silent).not.toContain('✓');
    expect(silent).toContain('not looked at: Kafka: ·[2J');
  });
});
