import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { action, checksAlive, listed, preChecks } from '#testing/inputs.js';
import { STATUS_DEADLINES } from '../limits.js';

const validating = anExecution().validating();

describe('start', () => {
  it('lists instances and asks for the checks, under a new hand-over', () => {
    const then = given(anExecution()).when(action('START'));
    expect(then.execution).toMatchObject({ status: 'VALIDATING', handOver: 1, startedAtMs: T0 });
    expect(then.asks).toEqual(['DISARM_TIMER', 'LIST_INSTANCES', 'RUN_PRE_CHECKS', 'ARM_TIMER']);
    expect(then.timers).toMatchObject({ REMINDER: null });
    expect(then.requests[2]).toEqual({ type: 'RUN_PRE_CHECKS', handOver: 1 });
    expect(then.facts).toMatchObject([{ type: 'STATUS_CHANGED', to: 'VALIDATING', by: 'ann' }]);
  });

  it('a second start is refused and changes nothing', () => {
    const then = given(anExecution()).when(action('START'), action('START'));
    expect(then.decision).toEqual({ kind: 'REFUSED', allowedActions: ['CANCEL'] });
    expect(then.execution.handOver).toBe(1);
  });
});

describe('listing', () => {
  it('takes instances in page by page and asks for the next', () => {
    const then = given(validating).when(listed(3, { nextCursor: 'c-3' }));
    expect(then.execution).toMatchObject({ total: 3, listed: 3, counters: { PENDING: 3 } });
    expect(then.asks).toEqual(['LIST_INSTANCES']);
    const last = given(then.execution).when(listed(2, { cursor: 'c-3' }));
    expect(last.execution).toMatchObject({ total: 5, listing: { complete: true } });
    expect(last.asks).toEqual([]);
  });

  it('absorbs a page that comes twice, the last one too', () => {
    const page = listed(3, { nextCursor: 'c-3' });
    expect(given(validating).when(page, page).rows).toEqual(['page-listed-twice']);
    expect(given(validating).when(listed(3), listed(3)).execution.total).toBe(3);
  });

  it('fails when there is nothing to take, and says which kind of nothing', () => {
    const none = given(validating).when(listed(0));
    expect(none.execution).toMatchObject({
      status: 'FAILED',
      failureReason: 'nothing to take: the target lists no instances',
    });
    const there = given(validating).when(listed(0, { listed: 4, alreadyThere: 4 }));
    expect(there.execution.failureReason).toContain('all 4 instances are on the target version');
  });

  it('fails when the target cannot be listed', () => {
    const then = given(validating).when({ type: 'LISTING_FAILED', reason: 'it hangs' });
    expect(then.execution).toMatchObject({
      status: 'FAILED',
      failureReason: 'instances could not be listed: it hangs',
    });
    expect(then.asks).toContain('RECORD_DEPLOYMENT');
  });
});

describe('checks before', () => {
  it('let it go on when they passed and the listing is complete, in either order', () => {
    const passed = preChecks('PASSED', 'WARNING', 'SKIPPED');
    const checkedFirst = given(validating).when(passed, listed(3));
    expect(checkedFirst.rows).toEqual(['page-listed', 'validated', 'room-unknown']);
    expect(checkedFirst.execution.status).toBe('IN_PROGRESS');
    const listedFirst = given(validating).when(listed(3), passed);
    expect(listedFirst.rows).toEqual(['pre-checks-passed', 'validated', 'room-unknown']);
  });

  it('do not let it go on before the last page', () => {
    const then = given(validating).when(listed(3, { nextCursor: 'c' }), preChecks('PASSED'));
    expect(then.execution.status).toBe('VALIDATING');
  });

  it('fail it when one FAILED, and when none was answered', () => {
    const failed = given(validating).when(preChecks('PASSED', 'FAILED'));
    expect(failed.execution).toMatchObject({ status: 'FAILED', failureReason: 'CHECK_2: failed' });
    const silent = given(validating).when(preChecks());
    expect(silent.execution.failureReason).toBe('no check was answered');
  });

  it('are not believed from another hand-over', () => {
    const then = given(validating).when({ ...preChecks('FAILED'), handOver: 0 });
    expect(then.rows).toEqual(['pre-checks-of-older-hand-over']);
  });

  it('fail it when they are silent past the deadline, counted from the last sign of life', () => {
    const { validatingMs } = STATUS_DEADLINES;
    const deadline = { type: 'DEADLINE_PASSED' } as const;
    const silent = given(validating).after(validatingMs).when(deadline);
    expect(silent.execution.status).toBe('FAILED');
    const alive = given(validating).after(10_000).when(checksAlive('PRE'));
    expect(alive.rows).toEqual(['checks-under-way']);
    const later = given(alive.execution).after(validatingMs).when(deadline);
    expect(later.rows).toEqual(['deadline-not-reached']);
    expect(later.requests).toEqual([
      { type: 'ARM_TIMER', timer: 'DEADLINE', atMs: T0 + 10_000 + validatingMs },
    ]);
  });

  it('signs of life of checks that nobody waits for are absorbed', () => {
    expect(given(validating).when(checksAlive('POST')).rows).toEqual(['checks-not-asked']);
    expect(given(validating).when(checksAlive('PRE', 7)).rows).toEqual(['checks-not-asked']);
    const passed = given(validating).when(preChecks('PASSED'), checksAlive('PRE'));
    expect(passed.rows).toEqual(['checks-not-asked']);
  });
});
