import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EXECUTION_STATUSES, INSTANCE_STATUSES } from '#core/execution/execution.js';
import { FAILURE_KINDS } from '#core/execution/execution-inputs.js';
import type { InstancesMoved } from '#core/execution/execution-facts.js';
import { progressEventTexts } from './progress-event-texts.js';
import { progressEventsOf, type ProgressHead, type ResolvedFact } from './progress-events.js';
import { ProgressEvent } from './progress.messages.js';

const HEAD: ProgressHead = {
  executionId: '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b',
  tenantId: 'acme',
  componentId: '0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b',
  targetVersion: '2.0.0',
};

const FACT_HEAD = {
  sequence: 7,
  revision: 4,
  atMs: Date.UTC(2030, 0, 2, 3, 4, 5, 678),
  executionStatus: 'IN_PROGRESS',
  why: 'healthy on 2.0.0 and admitted to traffic',
  before: { total: 3, completed: 0, failed: 1, rolledBack: 0, percentage: 0 },
} as const;

function moved(over: Partial<InstancesMoved>, ids: readonly string[]): ResolvedFact {
  return {
    ...FACT_HEAD,
    type: 'INSTANCES_MOVED',
    from: 'HEALTH_CHECKING',
    to: 'COMPLETED',
    fromAttempt: 1,
    attempt: 1,
    count: ids.length,
    select: { by: 'INDICES', indices: ids.map((_, at) => at) },
    failure: null,
    closedConnections: 0,
    ...over,
    instances: ids.map((id, index) => ({ index, id })),
  };
}

describe('facts become progress events', () => {
  it('a move becomes one event for each instance, and progress is counted up', () => {
    const events = progressEventsOf(moved({}, ['i-1', 'i-2']), HEAD);
    expect(events.map(({ id, time, subject }) => ({ id, time, subject }))).toEqual([
      { id: `${HEAD.executionId}/7`, time: '2030-01-02T03:04:05.678Z', subject: HEAD.executionId },
      { id: `${HEAD.executionId}/8`, time: '2030-01-02T03:04:05.678Z', subject: HEAD.executionId },
    ]);
    expect(events.map((event) => event.data.progress)).toEqual([
      { total: 3, completed: 1, failed: 1, rolledBack: 0, percentage: 33 },
      { total: 3, completed: 2, failed: 1, rolledBack: 0, percentage: 66 },
    ]);
    expect(events.map((event) => event.data.sequence)).toEqual([7, 8]);
    expect(events[1]?.data).toMatchObject({
      instanceId: 'i-2',
      instanceStatus: 'COMPLETED',
      previousInstanceStatus: 'HEALTH_CHECKING',
      version: '2.0.0',
    });
  });

  it('progress falls in a rollback, and the event names the version the instance is on again', () => {
    const before = { total: 2, completed: 2, failed: 0, rolledBack: 0, percentage: 100 };
    const fact = moved({ from: 'COMPLETED', to: 'ROLLED_BACK', fromAttempt: null, before }, [
      'i-1',
    ]);
    const [event] = progressEventsOf(
      { ...fact, instances: [{ index: 0, id: 'i-1', fromVersion: '1.0.0', attempt: 2 }] } as never,
      HEAD,
    );
    expect(event?.data).toMatchObject({
      progress: { total: 2, completed: 1, failed: 0, rolledBack: 1, percentage: 50 },
      version: '1.0.0',
      attempt: 2,
    });
  });

  it('a retry takes an instance out of the failed ones', () => {
    const fact = moved({ from: 'FAILED', to: 'DRAINING', fromAttempt: 1, attempt: 2 }, ['i-1']);
    const [event] = progressEventsOf(fact, HEAD);
    expect(event?.data.progress.failed).toBe(0);
    expect(event?.data).toMatchObject({ attempt: 2, version: '2.0.0' });
  });

  it('a change of status and a note become one event each', () => {
    const changed = progressEventsOf(
      { ...FACT_HEAD, type: 'STATUS_CHANGED', from: 'PENDING', to: 'VALIDATING', by: 'ann' },
      HEAD,
    );
    expect(changed).toHaveLength(1);
    expect(changed[0]?.data).toMatchObject({ previousStatus: 'PENDING', by: 'ann', sequence: 7 });
    const noted = progressEventsOf(
      { ...FACT_HEAD, type: 'NOTED', note: 'WAITING', by: null, waitingKind: 'ROOM' },
      HEAD,
    );
    expect(noted).toHaveLength(1);
    expect(noted[0]?.data).toMatchObject({ note: 'WAITING', waitingFor: 'ROOM' });
  });

  it('refuses a move whose instances are not all known: the sequence would have a gap', () => {
    const fact = moved({ count: 3 }, ['i-1', 'i-2']);
    expect(() => progressEventsOf(fact, HEAD)).toThrow('move of 3 instances');
    expect(() => progressEventTexts(fact, HEAD)).toThrow('move of 3 instances');
  });
});

const text = fc.string({ unit: 'binary', maxLength: 40 });
const count = fc.nat({ max: 1_000_000 });

const anyHead = fc.record({
  executionId: fc.uuid(),
  tenantId: text,
  componentId: fc.uuid(),
  targetVersion: text,
});

const anyFactHead = {
  sequence: fc.integer({ min: 1, max: 1e9 }),
  revision: fc.integer({ min: 1, max: 1e9 }),
  atMs: fc.integer({ min: 0, max: 4e12 }),
  executionStatus: fc.constantFrom(...EXECUTION_STATUSES),
  why: text,
  before: fc.record({
    total: fc.integer({ min: 100, max: 1_000_000 }),
    completed: fc.integer({ min: 10, max: 90 }),
    failed: fc.integer({ min: 10, max: 90 }),
    rolledBack: fc.integer({ min: 10, max: 90 }),
    percentage: fc.nat({ max: 100 }),
  }),
};

const anyMove: fc.Arbitrary<ResolvedFact> = fc
  .record({
    ...anyFactHead,
    type: fc.constant('INSTANCES_MOVED' as const),
    from: fc.constantFrom(...INSTANCE_STATUSES),
    to: fc.constantFrom(...INSTANCE_STATUSES),
    fromAttempt: fc.option(fc.integer({ min: 1, max: 2 })),
    attempt: fc.integer({ min: 1, max: 2 }),
    failure: fc.option(fc.constantFrom(...FAILURE_KINDS)),
    closedConnections: count,
    instances: fc.array(
      fc.record(
        {
          index: count,
          id: text,
          fromVersion: fc.option(text),
          attempt: fc.integer({ min: 1, max: 2 }),
        },
        { requiredKeys: ['index', 'id'] },
      ),
      { maxLength: 10 },
    ),
  })
  .map((fact) => ({
    ...fact,
    count: fact.instances.length,
    select: { by: 'INDICES' as const, indices: fact.instances.map(({ index }) => index) },
  }));

const anyFact: fc.Arbitrary<ResolvedFact> = fc.oneof(
  { weight: 4, arbitrary: anyMove },
  fc.record({
    ...anyFactHead,
    type: fc.constant('STATUS_CHANGED' as const),
    from: fc.option(fc.constantFrom(...EXECUTION_STATUSES)),
    to: fc.constantFrom(...EXECUTION_STATUSES),
    by: fc.option(text),
  }),
  fc.record({
    ...anyFactHead,
    type: fc.constant('NOTED' as const),
    note: fc.constantFrom('STOPPING' as const, 'WAITING' as const),
    by: fc.option(text),
    waitingKind: fc.option(fc.constantFrom('ROOM' as const, 'RESUME' as const)),
  }),
);

describe('any fact at all', () => {
  it('is written by the relay to the byte as REST and the live stream show it', () => {
    fc.assert(
      fc.property(anyFact, anyHead, (fact, head) => {
        const events = progressEventsOf(fact, head);
        expect(progressEventTexts(fact, head)).toEqual(events.map((it) => JSON.stringify(it)));
      }),
    );
  });

  it('becomes events that fit their schema, numbered without a gap', () => {
    fc.assert(
      fc.property(anyFact, anyHead, (fact, head) => {
        const events = progressEventsOf(fact, head);
        const numbers = events.map((event) => ProgressEvent.parse(event).data.sequence);
        expect(numbers).toEqual(events.map((_, at) => fact.sequence + at));
      }),
    );
  });
});
