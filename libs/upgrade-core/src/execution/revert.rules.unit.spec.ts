import { describe, expect, it } from '@jest/globals';
import { anExecution } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import {
  action,
  listed,
  postChecks,
  preChecks,
  setListed,
  setOperationEnded,
  settled,
} from '#testing/inputs.js';
import { EXECUTION_STATUSES, TERMINAL_STATUSES } from './execution.js';
import { takePage } from './listing.js';

describe('revert', () => {
  it.each(['COMPLETED', 'FAILED', 'CANCELLED'] as const)(
    'is answered by %s, which stays as it has ended: a new execution takes back what moved',
    (status) => {
      const then = given(anExecution().ended(status)).when(action('REVERT'));
      expect(then.decision).toEqual({ kind: 'ABSORBED', rows: ['revert'] });
    },
  );

  it('is refused everywhere else: nothing is left to revert, or something still moves', () => {
    const others = EXECUTION_STATUSES.filter(
      (status) => !(TERMINAL_STATUSES as readonly string[]).includes(status),
    );
    for (const status of [...others, 'ROLLED_BACK'] as const) {
      const execution = anExecution().in(status).withCounters({ PENDING: 1 });
      expect(given(execution).when(action('REVERT')).kind).toBe('REFUSED');
    }
  });
});

describe('an execution that reverts another', () => {
  const reverting = anExecution()
    .validating()
    .with({ kind: 'REVERT', revertOf: 'c4b1f0a2-5d6e-4f70-8a9b-0c1d2e3f4a5b' });

  it('takes what the other has moved, and nothing else', () => {
    const page = {
      cursor: null,
      nextCursor: null,
      instances: ['i-1', 'i-2', 'i-3'].map((id) => ({ id, version: '1.0.0' })),
    };
    const execution = reverting.build();
    if (execution.status !== 'VALIDATING') throw new Error('it validates');
    const { report, taken } = takePage(execution, page, new Set(['i-1', 'i-3']));
    expect(taken.map(({ instanceId }) => instanceId)).toEqual(['i-1', 'i-3']);
    expect(taken.map(({ index }) => index)).toEqual([0, 1]);
    expect(report).toMatchObject({ listed: 3, taken: 2 });
  });

  it('takes what is back on its version but down, as far as the other has moved it', () => {
    const execution = reverting.build();
    if (execution.status !== 'VALIDATING') throw new Error('it validates');
    const { version } = execution.plan.to;
    const down = ['i-1', 'i-2'].map((id) => ({ id, version, admitted: false }));
    const serving = { id: 'i-3', version, admitted: true, healthy: true };
    const page = { cursor: null, nextCursor: null, instances: [...down, serving] };
    const { report, taken } = takePage(execution, page, new Set(['i-1', 'i-3']));
    expect(taken.map(({ instanceId }) => instanceId)).toEqual(['i-1']);
    expect(report).toMatchObject({ listed: 3, taken: 1, alreadyThere: 2 });
  });

  it('leaves alone what somebody else has moved on, and takes what cannot be seen', () => {
    const execution = reverting.build();
    if (execution.status !== 'VALIDATING') throw new Error('it validates');
    const serving = { admitted: true, healthy: true };
    const instances = [
      { id: 'i-1', version: '9.9.9', ...serving },
      { id: 'i-2', version: execution.plan.from.version, ...serving },
      { id: 'i-3', version: null },
      { id: 'i-4', version: '9.9.9', admitted: true, healthy: false },
      { id: 'i-5', version: execution.plan.to.version, ...serving },
    ];
    const page = { cursor: null, nextCursor: null, instances };
    const moved = new Set(instances.map(({ id }) => id));
    const { report, taken } = takePage(execution, page, moved);
    expect(taken.map(({ instanceId }) => instanceId)).toEqual(['i-2', 'i-3', 'i-4']);
    expect(report).toMatchObject({ listed: 5, taken: 3, alreadyThere: 1 });
  });

  it('says of a fleet that has moved on that none of it is to be taken', () => {
    const then = given(reverting).when(listed(0, { listed: 8, alreadyThere: 2 }));
    expect(then.execution).toMatchObject({ status: 'FAILED', listed: 8 });
    expect(then.execution.failureReason).toMatch(/^nothing to take: none of the 8 instances is/);
  });

  it('runs by the same rules', () => {
    const then = given(reverting).when(preChecks('PASSED'), listed(3));
    expect(then.rows).toEqual(['page-listed', 'validated', 'room-unknown']);
  });

  it('of BLUE_GREEN goes back to the set that was kept by a switch', () => {
    const kept = reverting.withPlan({ strategy: 'BLUE_GREEN', newSet: 'blue' });
    const begun = given(kept).when(preChecks('PASSED'), listed(2));
    expect(begun.execution).toMatchObject({ setOperation: { verb: 'CREATE', set: 'blue' } });
    const checked = given(begun.execution).when(
      setOperationEnded({ liveSet: 'green' }),
      setListed(2),
      settled('UPGRADING', [0, 1]),
      settled('HEALTH_CHECKING', [0, 1]),
    );
    expect(checked.execution).toMatchObject({ setOperation: { verb: 'SWITCH', set: 'blue' } });
    const end = given(checked.execution).when(
      setOperationEnded({ number: 2 }),
      postChecks('PASSED'),
    );
    expect(end.execution.status).toBe('COMPLETED');
    expect(end.requests).toContainEqual({
      type: 'RECORD_STANDBY',
      standby: expect.objectContaining({ set: 'green' }) as unknown,
    });
  });
});
