import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { delayOver, postChecks, roomCounted, settled } from '#testing/inputs.js';

const ten = anExecution().inProgress().withCounters({ PENDING: 10 });
const asOf = (countedAtMs: number) => ({ countedAtMs });

describe('room', () => {
  it('is asked for before anything is taken down', () => {
    const then = given(ten.withPlan({ batchSize: 5 })).when(delayOver);
    expect(then.rows).toEqual(['batch-delay-over', 'room-unknown']);
    expect(then.asks).toContain('COUNT_ROOM');
    expect(then.moves).toEqual([]);
  });

  it.each([
    // of ten at 25 %: two may be down
    [0, 2],
    [1, 1],
  ])('with %d others down, %d are taken', (othersDown, taken) => {
    const then = given(ten).when(roomCounted(othersDown));
    expect(then.moves).toEqual([`PENDING → DRAINING: ${String(taken)}`]);
  });

  it.each([
    [3, 25, 1],
    [8, 25, 2],
    [7, 50, 3],
    [10, 100, 5],
  ])('of %d instances at %d %% the first batch takes %d', (count, percent, taken) => {
    const plan = { maxUnavailablePercentage: percent, batchSize: 5 };
    const execution = anExecution().inProgress().withCounters({ PENDING: count }).withPlan(plan);
    const then = given(execution).when(roomCounted(0));
    expect(then.moves).toEqual([`PENDING → DRAINING: ${String(taken)}`]);
  });

  it('counts all instances listed, also those that are not taken', () => {
    const then = given(ten.with({ listed: 16 })).when(roomCounted(0));
    expect(then.moves).toEqual(['PENDING → DRAINING: 4']);
  });

  it('takes those that are down already first, and they need no room', () => {
    const then = given(ten).when(roomCounted(3, { downPending: [4, 7, 9] }));
    expect(then.facts).toMatchObject([{ select: { by: 'INDICES', indices: [4, 7, 9] } }]);
    expect(then.execution).toMatchObject({ room: { othersDown: 0, downPending: [] } });
  });

  it('fills a batch that began with down ones as far as the rest fits', () => {
    const then = given(ten).when(roomCounted(1, { downPending: [4] }));
    expect(then.moves).toEqual(['PENDING → DRAINING: 1', 'PENDING → DRAINING: 1']);
  });

  it('is not believed when the count is older than 5 s', () => {
    const then = given(ten).after(5_001).when(roomCounted(0));
    expect(then.rows).toEqual(['room-counted', 'room-unknown']);
    expect(given(ten).after(5_000).when(roomCounted(0)).rows).toContain('next-batch');
  });

  it('an older count does not push out a newer one', () => {
    const busy = anExecution().inProgress().withCounters({ PENDING: 8, DRAINING: 2 }).withBatch();
    const then = given(busy, T0 + 10).when(roomCounted(0, asOf(T0 + 9)), roomCounted(9, asOf(T0)));
    expect(then.execution).toMatchObject({ room: { othersDown: 0 } });
  });

  it('of another clock, from the future, is not believed and shuts out no true one', () => {
    const hourAhead = asOf(T0 + 3_600_000);
    const then = given(ten).when(roomCounted(0, hourAhead));
    expect(then.rows).toEqual(['room-counted', 'room-unknown']);
    const counted = given(then.execution, T0 + 10).when(roomCounted(1, asOf(T0 + 9)));
    expect(counted.moves).toEqual(['PENDING → DRAINING: 1']);
  });

  it('waits, says so once, and keeps a count wanted when others fill it', () => {
    const then = given(ten).when(roomCounted(2));
    expect(then.rows).toEqual(['room-counted', 'no-room']);
    expect(then.execution).toMatchObject({ waitingFor: { kind: 'ROOM' }, roomWanted: true });
    const again = given(then.execution, T0 + 2_000).when(roomCounted(2, asOf(T0 + 2_000)));
    expect(again.facts).toEqual([]);
    expect(again.execution).toMatchObject({ waitingFor: { sinceMs: T0 }, roomWanted: true });
    const free = given(again.execution, T0 + 4_000).when(roomCounted(1, asOf(T0 + 4_000)));
    expect(free.moves).toEqual(['PENDING → DRAINING: 1']);
    expect(free.execution.waitingFor).toBeNull();
  });
});

describe('a batch', () => {
  const begun = anExecution()
    .inProgress()
    .withPlan({ batchSize: 2, batchDelaySeconds: 60 })
    .withCounters({ PENDING: 6, HEALTH_CHECKING: 1, COMPLETED: 1 })
    .withBatch(1, 2);

  it('is the barrier: a slow member delays the next batch, not the other members', () => {
    const two = begun.withCounters({ PENDING: 6, DRAINING: 1, UPGRADING: 1 });
    const then = given(two).when(settled('UPGRADING', [1]));
    expect(then.moves).toEqual(['UPGRADING → HEALTH_CHECKING: 1']);
    expect(then.rows).toEqual(['steps-settled']);
  });

  it('is followed by the next only after the delay', () => {
    const then = given(begun).when(settled('HEALTH_CHECKING', [0]));
    expect(then.rows).toEqual(['steps-settled', 'batch-settled']);
    expect(then.requests).toEqual([{ type: 'ARM_TIMER', timer: 'BATCH_DELAY', atMs: T0 + 60_000 }]);
    const over = given(then.execution).after(60_000).when(delayOver);
    expect(over.rows).toEqual(['batch-delay-over', 'room-unknown']);
    const next = given(over.execution, T0 + 60_000).when(roomCounted(0, asOf(T0 + 60_000)));
    expect(next.moves).toEqual(['PENDING → DRAINING: 2']);
    expect(next.execution).toMatchObject({ batch: { number: 2, size: 2 }, nextBatchAtMs: null });
  });

  it('arms its delay again when the timer came too early', () => {
    const then = given(begun).when(settled('HEALTH_CHECKING', [0]));
    const early = given(then.execution).after(59_000).when(delayOver);
    expect(early.requests).toEqual([
      { type: 'ARM_TIMER', timer: 'BATCH_DELAY', atMs: T0 + 60_000 },
    ]);
    expect(early.rows).toEqual(['batch-delay-over']);
  });

  it('is followed at once when there is no delay and the room is known', () => {
    const noDelay = begun.withPlan({ batchDelaySeconds: 0 }).withRoom(0);
    const then = given(noDelay).when(settled('HEALTH_CHECKING', [0]));
    expect(then.rows).toEqual(['steps-settled', 'next-batch']);
  });

  it('the first one begins at once, whatever the delay', () => {
    const then = given(ten.withPlan({ batchDelaySeconds: 3_600 })).when(roomCounted(0));
    expect(then.rows).toEqual(['room-counted', 'next-batch']);
  });
});

describe('the last instance', () => {
  const last = anExecution()
    .inProgress()
    .withCounters({ HEALTH_CHECKING: 1, COMPLETED: 2 })
    .withBatch();

  it('is followed by the checks after, asked for once', () => {
    const then = given(last).when(settled('HEALTH_CHECKING', [2]));
    expect(then.rows).toEqual(['steps-settled', 'all-completed']);
    expect(then.requests[0]).toEqual({ type: 'RUN_POST_CHECKS', handOver: 1, takesAll: true });
    const again = given(then.execution).when(delayOver);
    expect(again.asks).not.toContain('RUN_POST_CHECKS');
  });

  it.each(['PASSED', 'WARNING'] as const)('COMPLETED when they say %s', (outcome) => {
    const then = given(last).when(settled('HEALTH_CHECKING', [2]), postChecks(outcome));
    expect(then.execution).toMatchObject({ status: 'COMPLETED', failureReason: null });
    const versionId = then.execution.plan.to.id;
    expect(then.requests).toContainEqual({
      type: 'RECORD_DEPLOYMENT',
      currentVersionId: versionId,
      leftOver: [],
    });
  });

  it.each([
    ['WARNING', 'POST_UPGRADE_STATE', null],
    ['WARNING', 'SMOKE_TESTS', 'moves'],
    ['PASSED', 'POST_UPGRADE_STATE', 'moves'],
  ] as const)('given %s of %s the current version: %s', (outcome, check, moves) => {
    const { checks, ...answer } = postChecks(outcome);
    const named = { ...answer, checks: checks.map((one) => ({ ...one, check })) };
    const then = given(last).when(settled('HEALTH_CHECKING', [2]), named);
    expect(then.execution.status).toBe('COMPLETED');
    const [recorded] = then.requests.filter(({ type }) => type === 'RECORD_DEPLOYMENT');
    const currentVersionId = moves === null ? null : then.execution.plan.to.id;
    expect(recorded).toMatchObject({ currentVersionId });
  });

  it('keeps the current version of the deployment when not every listed one was taken', () => {
    const some = last.with({ listed: 5 });
    const asked = given(some).when(settled('HEALTH_CHECKING', [2]));
    expect(asked.requests[0]).toMatchObject({ type: 'RUN_POST_CHECKS', takesAll: false });
    const then = given(some).when(settled('HEALTH_CHECKING', [2]), postChecks('PASSED'));
    expect(then.requests).toContainEqual({
      type: 'RECORD_DEPLOYMENT',
      currentVersionId: null,
      leftOver: [],
    });
  });

  it('counts those that were on the target version already', () => {
    const listing = { cursor: null, complete: true, alreadyThere: 2 };
    const then = given(last.with({ listed: 5, listing })).when(
      settled('HEALTH_CHECKING', [2]),
      postChecks('PASSED'),
    );
    expect(then.requests.at(-1)).toMatchObject({ currentVersionId: then.execution.plan.to.id });
  });

  it('an answer that was not asked for is absorbed', () => {
    expect(given(last).when(postChecks('PASSED')).rows).toEqual(['post-checks-not-asked']);
  });
});
