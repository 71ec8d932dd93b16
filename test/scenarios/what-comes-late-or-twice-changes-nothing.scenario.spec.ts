import { expect, it } from '@jest/globals';
import {
  deadlinePassed,
  fleetCompared,
  reminderDue,
  setListed,
  setOperationEnded,
  watched,
} from '#testing/inputs.js';
import { checks, roomCounted, settled, LATE_REPORTS } from './late-reports.js';
import { Scenario } from './scenario.js';

it('while instances are listed', async () => {
  const scenario = await new Scenario({ faults: [{ on: 'LIST', how: 'HANG', times: 1 }] }).begin();
  await scenario.report({ type: 'PRE_CHECKS_ENDED', handOver: 0, checks: checks('FAILED') });
  await scenario.report({ type: 'CHECKS_PROGRESSED', handOver: 0, kind: 'PRE' });
  const page = { listed: 4, taken: 4, alreadyThere: 0, nextCursor: null, cursor: 'elsewhere' };
  await scenario.report({ type: 'INSTANCES_LISTED', ...page });
  const execution = await scenario.end(
    'pre-checks-of-older-hand-over',
    'checks-not-asked',
    'page-listed-twice',
  );
  expect(execution.status).toBe('COMPLETED');
});

it('while instances are upgraded', async () => {
  const scenario = await new Scenario({ latencyMs: 2_000 }).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING > 0);
  for (const report of LATE_REPORTS) {
    if (['INSTANCES_LISTED', 'LISTING_FAILED', 'PRE_CHECKS_ENDED'].includes(report.type)) {
      await scenario.report(report);
    }
  }
  await scenario.report(settled(0));
  await scenario.report({ ...fleetCompared([0], ['i-9']), handOver: 0 });
  await scenario.report(reminderDue);
  await scenario.report(watched('UNHEALTHY'));
  await scenario.report({ type: 'POST_CHECKS_ENDED', handOver: 1, checks: checks('FAILED') });
  const execution = await scenario.end(
    'late-instances-listed',
    'late-listing-failed',
    'late-pre-checks-ended',
    'steps-of-older-hand-over',
    'fleet-of-older-hand-over',
    'late-reminder-due',
    'late-canary-watched',
    'post-checks-not-asked',
  );
  expect(execution.status).toBe('COMPLETED');
});

it('on the way back', async () => {
  const scenario = await new Scenario({ latencyMs: 2_000 }).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING > 0);
  await scenario.act('ROLLBACK');
  await scenario.report({ type: 'CHECKS_PROGRESSED', handOver: 1, kind: 'POST' });
  await scenario.report(settled(1));
  await scenario.report(roomCounted());
  await scenario.report({ type: 'BATCH_DELAY_OVER' });
  await scenario.report({ type: 'POST_CHECKS_ENDED', handOver: 1, checks: checks('FAILED') });
  await scenario.report(fleetCompared([0]));
  await scenario.report(setOperationEnded({ reason: 'too late' }));
  await scenario.report(setListed(1));
  const answer = { handOver: 1, setsRestored: false, restored: [], leftOver: [], done: true };
  await scenario.report({ type: 'ROLLBACK_PROGRESSED', ...answer });
  const execution = await scenario.end(
    'late-checks-progressed',
    'late-steps-settled',
    'late-room-counted',
    'late-batch-delay-over',
    'late-post-checks-ended',
    'late-fleet-compared',
    'late-set-operation-ended',
    'late-set-listed',
    'rollback-of-older-hand-over',
  );
  expect(execution.status).toBe('ROLLED_BACK');
});

it('while it is paused', async () => {
  const scenario = await new Scenario().begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING > 0);
  await scenario.act('PAUSE');
  await scenario.report(deadlinePassed);
  expect(scenario.execution.status).toBe('PAUSED');
  await scenario.act('RESUME');
  expect((await scenario.end('late-deadline-passed')).status).toBe('COMPLETED');
});

it('while canaries are watched', async () => {
  const plan = { strategy: 'CANARY', autoPromote: true, canaryDurationSeconds: 90 } as const;
  const scenario = await new Scenario({ plan: { ...plan, autoRollbackEnabled: true } }).begin();
  await scenario.untilRow('canaries-completed');
  await scenario.report({ ...watched('UNHEALTHY'), handOver: 0 });
  // It promotes itself, so nobody is waited for.
  await scenario.report(reminderDue);
  const execution = await scenario.end('watch-of-older-hand-over', 'reminder-of-nothing');
  expect(execution).toMatchObject({ status: 'COMPLETED', canary: { verdict: 'HEALTHY' } });
});

it('after the end', async () => {
  const scenario = await new Scenario().begin();
  await scenario.until(() => scenario.execution.status === 'COMPLETED');
  const { revision, sequence } = scenario.execution;
  for (const report of LATE_REPORTS) await scenario.report(report);
  const execution = await scenario.end(
    'ended-instances-listed',
    'ended-listing-failed',
    'ended-pre-checks-ended',
    'ended-checks-progressed',
    'ended-steps-settled',
    'ended-room-counted',
    'ended-batch-delay-over',
    'ended-deadline-passed',
    'ended-post-checks-ended',
    'ended-rollback-progressed',
    'ended-fleet-compared',
    'ended-set-operation-ended',
    'ended-set-listed',
    'ended-canary-watched',
    'ended-reminder-due',
  );
  expect(execution).toMatchObject({ status: 'COMPLETED', revision, sequence });
});
