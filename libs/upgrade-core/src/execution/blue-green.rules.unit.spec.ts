import { describe, expect, it } from '@jest/globals';
import { anExecution, aNewSet, EXECUTION_ID, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import {
  action,
  failed,
  postChecks,
  roomCounted,
  setListed,
  setOperationEnded,
  settled,
} from '#testing/inputs.js';
import type { NewSet } from './execution.js';

const begun = anExecution()
  .inProgress()
  .withPlan({ strategy: 'BLUE_GREEN', batchSize: 1, maxUnavailablePercentage: 1 })
  .withPlan({ failureThreshold: 2 })
  .withCounters({ PENDING: 4 });
const creating = anExecution().blueGreen('CREATING').withCounters({ PENDING: 4 });
const standing = (over: Partial<NewSet> = {}) =>
  anExecution()
    .blueGreen('STANDING', over)
    .withPlan({ failureThreshold: 2 })
    .withCounters({ PENDING: 4 });
const named = standing({ named: 4 }).withBatch(1, 4);
const switching = named.withCounters({ COMPLETED: 4 }).withSetOperation('SWITCH', { number: 2 });
const live = anExecution()
  .blueGreen('LIVE', { named: 4 })
  .withCounters({ COMPLETED: 4 })
  .withBatch(1, 4)
  .with({ setOperations: 2, postChecksAskedAtMs: T0 });

describe('a new set', () => {
  it('is created before anything else, named after the execution', () => {
    const then = given(begun).when(roomCounted(0));
    expect(then.rows).toEqual(['room-counted', 'new-set']);
    expect(then.execution).toMatchObject({
      newSet: { name: EXECUTION_ID, state: 'CREATING', named: 0 },
      setOperation: { number: 1, verb: 'CREATE', set: EXECUTION_ID },
      setOperations: 1,
    });
    expect(then.moves).toEqual([]);
  });

  it('is the one that was kept, where the plan names it', () => {
    const then = given(begun.withPlan({ newSet: 'green' })).when(roomCounted(0));
    expect(then.execution).toMatchObject({ newSet: { name: 'green' } });
  });

  it('stands once it is created, beside the set that is live', () => {
    const then = given(creating).when(setOperationEnded({ liveSet: 'blue' }));
    expect(then.execution).toMatchObject({
      newSet: { state: 'STANDING', previous: 'blue' },
      setOperation: null,
    });
    expect(then.facts).toMatchObject([
      { note: 'SET_CREATED', why: `set ${EXECUTION_ID} has places for 4 instances` },
    ]);
    expect(then.moves).toEqual([]);
  });

  it('that was live already has none before it to go back to', () => {
    const then = given(creating).when(setOperationEnded({ liveSet: EXECUTION_ID }));
    expect(then.execution.newSet).toMatchObject({ state: 'STANDING', previous: null });
  });

  it('tells its instances page by page, and begins with none before it knows them all', () => {
    const page = setListed(3, { nextCursor: 'c-3' });
    const first = given(standing()).when(page);
    expect(first.rows).toEqual(['set-page-listed']);
    expect(first.execution.newSet).toMatchObject({ named: 3, cursor: 'c-3' });
    expect(given(first.execution).when(page).rows).toEqual(['set-page-known']);
    const last = given(first.execution).when(setListed(1, { cursor: 'c-3' }));
    expect(last.rows).toEqual(['set-page-listed', 'next-batch']);
    expect(given(last.execution).when(setListed(1, { cursor: 'c-3' })).kind).toBe('ABSORBED');
  });

  it('is brought up all at once: it drains nothing and takes no room', () => {
    const then = given(standing().withRoom(4)).when(setListed(4));
    expect(then.moves).toEqual(['PENDING → UPGRADING: 4']);
    expect(then.execution).toMatchObject({ batch: { number: 1, size: 4 } });
    expect(then.asks).not.toContain('COUNT_ROOM');
  });

  it('that is too small cannot take over: the upgrade is given up, the set goes', () => {
    const then = given(standing()).when(setListed(3));
    expect(then.rows).toEqual(['set-page-listed', 'set-operation-failed', 'new-set-retired-first']);
    expect(then.execution).toMatchObject({
      stopping: { to: 'FAILED', reason: `set ${EXECUTION_ID} has 3 places of 4` },
      setOperation: { verb: 'RETIRE' },
    });
    const page = given(then.execution).when(setListed(3));
    expect(page.rows).toEqual(['set-page-known']);
  });

  it('that is too small in a pause takes no more names until that is judged', () => {
    const paused = anExecution().paused().withPlan({ strategy: 'BLUE_GREEN' });
    const execution = paused
      .withCounters({ PENDING: 4 })
      .with({ newSet: aNewSet('STANDING'), setOperations: 1 });
    const then = given(execution).when(setListed(3), setListed(3));
    expect(then.rows).toEqual(['set-page-known']);
    expect(then.execution.newSet).toMatchObject({ named: 3 });
    const resumed = given(then.execution).when(action('RESUME'));
    expect(resumed.rows).toContain('set-operation-failed');
  });

  it('tries its failed instances again, and has nothing to drain then either', () => {
    const last = named.withCounters({ HEALTH_CHECKING: 1, COMPLETED: 3 });
    const then = given(last).when(failed('HEALTH_CHECKING', [2]));
    expect(then.rows).toEqual(['steps-settled', 'retry-round']);
    expect(then.moves).toEqual(['HEALTH_CHECKING → FAILED: 1', 'FAILED → UPGRADING: 1']);
  });

  it('is healthy, and not admitted to traffic, before the switch', () => {
    const two = named.withCounters({ HEALTH_CHECKING: 2, COMPLETED: 2 });
    const [moved] = given(two).when(settled('HEALTH_CHECKING', [2])).facts;
    expect(moved?.why).toBe('healthy on 2.0.0');
  });

  it('is not begun with in a pause', () => {
    const paused = given(creating).when(action('PAUSE'));
    const created = given(paused.execution).when(setOperationEnded(), setListed(4));
    expect(created.rows).toEqual(['set-page-listed']);
    expect(created.moves).toEqual([]);
    const resumed = given(created.execution).when(action('RESUME'));
    expect(resumed.rows).toEqual(['resume', 'next-batch']);
  });
});

describe('the switch', () => {
  it('comes when the whole set is COMPLETED, in one act', () => {
    const last = named.withCounters({ HEALTH_CHECKING: 1, COMPLETED: 3 });
    const then = given(last).when(settled('HEALTH_CHECKING', [3]));
    expect(then.rows).toEqual(['steps-settled', 'traffic-switched']);
    expect(then.execution).toMatchObject({ setOperation: { verb: 'SWITCH', set: EXECUTION_ID } });
    expect(then.asks).not.toContain('RUN_POST_CHECKS');
  });

  it('is followed by the checks after, and by COMPLETED', () => {
    const switched = given(switching).when(setOperationEnded({ number: 2 }));
    expect(switched.rows).toEqual(['set-operation-ended', 'all-completed']);
    expect(switched.execution.newSet).toMatchObject({ state: 'LIVE' });
    const then = given(switched.execution).when(postChecks('PASSED'));
    expect(then.execution.status).toBe('COMPLETED');
  });

  it('that fails stops the upgrade, and the new set goes', () => {
    const then = given(switching).when(setOperationEnded({ number: 2, reason: 'no route' }));
    expect(then.rows).toEqual([
      'set-operation-ended',
      'set-operation-failed',
      'new-set-retired-first',
    ]);
    expect(then.facts[0]).toMatchObject({
      note: 'SET_OPERATION_FAILED',
      why: `SWITCH ${EXECUTION_ID} failed: no route`,
    });
    const retired = given(then.execution).when(setOperationEnded({ number: 3 }));
    expect(retired.rows).toEqual(['set-operation-ended', 'stopped']);
    expect(retired.execution).toMatchObject({ status: 'FAILED', newSet: { state: 'RETIRED' } });
  });

  it('that fails is taken back at once where that was asked for', () => {
    const auto = switching.withPlan({ autoRollbackEnabled: true });
    const then = given(auto).when(setOperationEnded({ number: 2, reason: 'no route' }));
    expect(then.rows).toEqual(['set-operation-ended', 'set-operation-failed']);
    expect(then.execution).toMatchObject({ status: 'ROLLING_BACK', handOver: 2 });
  });

  it('of another number, or hand-over, is absorbed', () => {
    for (const other of [{ number: 1 }, { number: 2, handOver: 0 }]) {
      const then = given(switching).when(setOperationEnded(other));
      expect(then.rows).toEqual(['other-set-operation']);
    }
  });
});

describe('the set that was live', () => {
  const standby = { set: 'blue', versionId: live.build().plan.from.id, retireAtMs: T0 + 600_000 };

  it('is kept for its time when the upgrade has COMPLETED', () => {
    const then = given(live).when(postChecks('PASSED'));
    expect(then.requests).toContainEqual({ type: 'RECORD_STANDBY', standby });
    expect(then.timers).toMatchObject({ RETIRE_STANDBY: T0 + 600_000 });
  });

  it('is kept too when the upgrade ends otherwise after the switch: traffic stays new', () => {
    for (const input of [postChecks('FAILED'), action('CANCEL')]) {
      const then = given(live).when(input);
      expect(then.execution.newSet).toMatchObject({ state: 'LIVE' });
      expect(then.execution.completedAtMs).toBe(T0);
      expect(then.requests).toContainEqual({ type: 'RECORD_STANDBY', standby });
    }
  });

  it('is none where the new one had been live before', () => {
    const alone = live.with({ newSet: aNewSet('LIVE', { previous: null, named: 4 }) });
    expect(given(alone).when(postChecks('PASSED')).asks).not.toContain('RECORD_STANDBY');
  });
});

describe('a set that an earlier upgrade has kept', () => {
  const stale = begun.withPlan({ staleSet: 'old' }).with({ staleSet: 'old' });

  it.each(['ROLLING', 'BLUE_GREEN', 'RECREATE', 'STAGED'] as const)(
    'goes before %s touches anything',
    (strategy) => {
      const then = given(stale.withPlan({ strategy })).when(roomCounted(0));
      expect(then.rows).toEqual(['room-counted', 'stale-set']);
      expect(then.execution).toMatchObject({ setOperation: { verb: 'RETIRE', set: 'old' } });
      const gone = given(then.execution).when(setOperationEnded());
      expect(gone.execution).toMatchObject({ staleSet: null });
      expect(gone.requests).toContainEqual({ type: 'RECORD_STANDBY', standby: null });
    },
  );

  it('goes before the canaries', () => {
    const canaries = anExecution().canaryRunning().withCounters({ PENDING: 4 });
    const then = given(canaries.with({ staleSet: 'old' })).when(roomCounted(0));
    expect(then.rows).toEqual(['room-counted', 'stale-set']);
  });

  it('that cannot be retired ends the upgrade with nothing touched', () => {
    const retiring = stale.withSetOperation('RETIRE', { set: 'old' });
    const then = given(retiring).when(setOperationEnded({ reason: 'it clings' }));
    expect(then.rows).toEqual(['set-operation-ended', 'set-operation-failed', 'stopped']);
    const auto = retiring.withPlan({ autoRollbackEnabled: true });
    const back = given(auto).when(setOperationEnded({ reason: 'it clings' }));
    expect(back.execution.status).toBe('ROLLED_BACK');
  });

  it('is still let go to its end when the upgrade is cancelled meanwhile', () => {
    const cancelled = given(stale.withSetOperation('RETIRE', { set: 'old' })).when(
      action('CANCEL'),
    );
    expect(cancelled.execution.status).toBe('IN_PROGRESS');
    const then = given(cancelled.execution).when(setOperationEnded());
    expect(then.rows).toEqual(['set-operation-ended', 'stopped']);
    expect(then.requests).toContainEqual({ type: 'RECORD_STANDBY', standby: null });
  });
});
