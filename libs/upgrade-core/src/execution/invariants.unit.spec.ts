import { describe, expect, it } from '@jest/globals';
import { anExecution, aNewSet, T0, type ExecutionBuilder } from '#testing/an-execution.js';
import { checkInvariants } from './invariants.js';

const moving = anExecution().inProgress().withCounters({ PENDING: 2, COMPLETED: 1 }).withBatch();
const watched = anExecution()
  .canaryMonitoring()
  .withCounters({ PENDING: 2, COMPLETED: 1 })
  .withBatch();
const standing = anExecution()
  .blueGreen('STANDING', { named: 3 })
  .withCounters({ UPGRADING: 1, COMPLETED: 2 })
  .withBatch();
const live = anExecution()
  .blueGreen('LIVE', { named: 3 })
  .withCounters({ COMPLETED: 3 })
  .withBatch()
  .with({ postChecksAskedAtMs: T0 });
const paused = anExecution().paused().withCounters({ PENDING: 2, UPGRADING: 1 }).withBatch();
const stage = anExecution()
  .paused('STAGE_APPROVAL')
  .withPlan({ strategy: 'STAGED' })
  .withCounters({ PENDING: 2, COMPLETED: 1 })
  .withBatch();
const operating = moving.withSetOperation('RETIRE', { set: 'old' }).with({ staleSet: 'old' });

describe('what is true of every execution at rest', () => {
  it.each<[string, ExecutionBuilder]>([
    ['as created', anExecution()],
    ['validating', anExecution().validating().withCounters({ PENDING: 3 })],
    ['moving', moving],
    ['on the way back', anExecution().rollingBack().withCounters({ COMPLETED: 1 })],
    ['paused', paused],
    ['waiting for an approval', stage],
    ['watching its canaries', watched],
    ['making a set', anExecution().blueGreen('CREATING').withCounters({ PENDING: 3 })],
    ['filling a set', standing],
    ['serving from a new set', live],
    ['stopping, while a set goes', operating.with({ staleSet: null }).stopping()],
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
    ['only BLUE_GREEN makes a new set', moving.with({ newSet: aNewSet('STANDING') })],
    ['4 of 3 have names', standing.with({ newSet: aNewSet('STANDING', { named: 4 }) })],
    ['an operation on one', standing.with({ setOperations: 0 })],
    ['not all COMPLETED', live.withCounters({ COMPLETED: 2, FAILED: 1 })],
    ['it switches to a set', standing.withSetOperation('SWITCH')],
    ['a set and instances are under way', standing.withSetOperation('RETIRE')],
    ['that was not counted', operating.with({ setOperations: 0 })],
    ['beside a stale set', operating],
    ['before its instances have names', standing.with({ newSet: aNewSet('STANDING') })],
    ['only canaries get a share of the traffic', moving.with({ weighed: 10 })],
    ['canaries still get their share', anExecution().ended('COMPLETED').with({ weighed: 10 })],
    ['a watch without canaries', moving.with({ canary: watched.build().canary })],
    ['nobody watches the canaries', watched.with({ canary: null })],
    ['while canaries are watched', watched.withCounters({ PENDING: 2, UPGRADING: 1 })],
    ['sets are worked on while canaries', watched.withSetOperation('WEIGH')],
    [
      'nobody is told of UNHEALTHY canaries',
      anExecution().canaryMonitoring({ verdict: 'UNHEALTHY' }).with({ waitingFor: null }),
    ],
    ['canaries wait for ROOM', watched.with({ waitingFor: { kind: 'ROOM' } })],
    ['promoted unwatched', moving.withPlan({ strategy: 'CANARY' })],
    ['it moves and waits for RESUME', moving.with({ waitingFor: { kind: 'RESUME' } })],
    ['it waits for the wrong', paused.with({ waitingFor: { kind: 'PROMOTION' } })],
    ['it stops and waits', paused.stopping()],
    ['only stages are approved', stage.withPlan({ strategy: 'ROLLING' })],
    ['before it has settled', stage.withCounters({ PENDING: 2, UPGRADING: 1 })],
    ['a stage was approved before its end', moving.with({ approvedStage: 2 })],
    ['failed, nothing follows', moving.with({ setFailure: 'SWITCH failed' })],
    ['checks after belong to the end', live.with({ postChecksAskedAtMs: null })],
    ['checks after belong to the end', moving.with({ postChecksAskedAtMs: T0 })],
    ['answered and not asked for', moving.with({ postChecksAnswered: true })],
    ['touched by batches alone', moving.with({ batch: null })],
    ['a revert is of something', moving.with({ kind: 'REVERT' })],
    ['pausedAtMs is missing', paused.with({ pausedAtMs: undefined })],
    ['nothing is touched in VALIDATING', anExecution().validating().withCounters({ DRAINING: 1 })],
  ])('says so: %s', (problem, builder) => {
    const entries = Object.entries(builder.build()).filter(([, value]) => value !== undefined);
    const problems = checkInvariants(Object.fromEntries(entries) as never);
    expect(problems.join('\n')).toContain(problem);
  });
});
