import { describe, expect, it } from '@jest/globals';
import { anExecution, T0, type ExecutionBuilder } from '#testing/an-execution.js';
import { checkInvariants } from './invariants.js';

const moving = anExecution().inProgress().withCounters({ PENDING: 2, COMPLETED: 1 }).withBatch();

describe('what is true of every execution at rest', () => {
  it.each<[string, ExecutionBuilder]>([
    ['as created', anExecution()],
    ['validating', anExecution().validating().withCounters({ PENDING: 3 })],
    ['moving', moving],
    ['on the way back', anExecution().rollingBack().withCounters({ COMPLETED: 1 })],
    ['completed', anExecution().ended('COMPLETED').withCounters({ COMPLETED: 3 })],
  ])('holds %s', (_, builder) => {
    expect(checkInvariants(builder.build())).toEqual([]);
  });

  it.each<[string, ExecutionBuilder]>([
    ['counters sum to 3, not to the total of 4', moving.with({ total: 4 })],
    ['4 are taken of 3 listed', moving.with({ total: 4, listed: 3 })],
    ['a counter is no count', moving.withCounters({ PENDING: -1 })],
    ['1 may be retried of 0 that failed', moving.with({ failedOnce: 1 })],
    ['checksPassed is missing', anExecution().validating().with({ checksPassed: undefined })],
    ['IN_PROGRESS has no checksPassed', moving.with({ checksPassed: true })],
    ['completedAt is that of the end', moving.with({ completedAtMs: T0 })],
    [
      'not all COMPLETED',
      anExecution().ended('COMPLETED').withCounters({ COMPLETED: 1, FAILED: 1 }),
    ],
    ['what has ended is not stopping', anExecution().ended('FAILED').stopping()],
    ['it is stopping and nothing is under way', moving.stopping()],
    [
      'it ended with instances under way',
      anExecution().ended('FAILED').withCounters({ UPGRADING: 1 }),
    ],
    ['a threshold of nothing', moving.withPlan({ failureThreshold: 0 })],
    ['no percentage', moving.withPlan({ maxUnavailablePercentage: 101 })],
    ['the down ones are not in order', moving.withRoom(2, { downPending: [2, 1] })],
    ['rolled back without a rollback', moving.withCounters({ ROLLED_BACK: 1 })],
    ['nothing is touched in VALIDATING', anExecution().validating().withCounters({ DRAINING: 1 })],
  ])('says so: %s', (problem, builder) => {
    const entries = Object.entries(builder.build()).filter(([, value]) => value !== undefined);
    const problems = checkInvariants(Object.fromEntries(entries) as never);
    expect(problems.join('\n')).toContain(problem);
  });
});
