import { describe, expect, it } from '@jest/globals';
import { T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { action } from '#testing/inputs.js';
import { SITUATION_NAMES, SITUATIONS, standingOf, type Situation } from '#testing/situations.js';
import type { Execution } from './execution.js';
import { ACTION_TYPES, type Action, type ActionType } from './execution-inputs.js';
import { checkInvariants } from './invariants.js';

type Asked = ActionType | 'FORCED_PROMOTE' | 'FORCED_CANCEL';

const ACTIONS: Readonly<Record<Asked, Action>> = {
  ...(Object.fromEntries(ACTION_TYPES.map((type) => [type, action(type, { by: 'bob' })])) as Record<
    ActionType,
    Action
  >),
  FORCED_PROMOTE: action('PROMOTE_CANARY', { by: 'bob', force: true, reason: 'I know' }),
  FORCED_CANCEL: action('CANCEL', { by: 'bob', force: true }),
};
const ASKED = Object.keys(ACTIONS) as Asked[];

const cancelTo = (to: Situation): Partial<Record<Asked, Situation>> => ({
  CANCEL: to,
  FORCED_CANCEL: to,
});
const BACK: Partial<Record<Asked, Situation>> = { ROLLBACK: 'ROLLING_BACK' };

/** Where an action leads from a situation (spec §3); all others are refused, or change nothing. */
const LEADS: Readonly<Record<Situation, Partial<Record<Asked, Situation>>>> = {
  PENDING: { START: 'VALIDATING', ...cancelTo('CANCELLED') },
  VALIDATING: cancelTo('CANCELLED'),
  IN_PROGRESS: { PAUSE: 'PAUSED', ...BACK, ...cancelTo('IN_PROGRESS_TO_CANCELLED') },
  BETWEEN_BATCHES: { PAUSE: 'PAUSED_BETWEEN_BATCHES', ...BACK, ...cancelTo('CANCELLED') },
  IN_PROGRESS_TO_CANCELLED: BACK,
  // Cancel outranks a stop to FAILED, rollback outranks both.
  IN_PROGRESS_TO_FAILED: { ...BACK, ...cancelTo('IN_PROGRESS_TO_CANCELLED') },
  CANARY_RUNNING: {
    ...{ PAUSE: 'PAUSED_IN_CANARIES', ...BACK },
    ...cancelTo('CANARY_RUNNING_TO_CANCELLED'),
  },
  CANARY_RUNNING_TO_CANCELLED: BACK,
  CANARY_RUNNING_TO_FAILED: { ...BACK, ...cancelTo('CANARY_RUNNING_TO_CANCELLED') },
  CANARY_MONITORING: {
    ...{ PROMOTE_CANARY: 'IN_PROGRESS', FORCED_PROMOTE: 'IN_PROGRESS', ...BACK },
    ...cancelTo('CANARY_MONITORING_TO_CANCELLED'),
  },
  CANARY_UNHEALTHY: {
    ...{ FORCED_PROMOTE: 'IN_PROGRESS', ...BACK },
    ...cancelTo('CANARY_MONITORING_TO_CANCELLED'),
  },
  CANARY_MONITORING_TO_CANCELLED: BACK,
  PAUSED: { RESUME: 'IN_PROGRESS', ...BACK, ...cancelTo('PAUSED_TO_CANCELLED') },
  PAUSED_BETWEEN_BATCHES: { RESUME: 'BETWEEN_BATCHES', ...BACK, ...cancelTo('CANCELLED') },
  PAUSED_IN_CANARIES: { RESUME: 'CANARY_RUNNING', ...BACK, ...cancelTo('PAUSED_TO_CANCELLED') },
  PAUSED_TO_CANCELLED: BACK,
  PAUSED_FOR_APPROVAL: { APPROVE: 'BETWEEN_BATCHES', ...BACK, ...cancelTo('CANCELLED') },
  ROLLING_BACK: { FORCED_CANCEL: 'ROLLING_BACK_TO_CANCELLED' },
  ROLLING_BACK_TO_CANCELLED: {},
  COMPLETED: {},
  FAILED: {},
  CANCELLED: {},
  ROLLED_BACK: {},
};

/** How the end of `to` looks: a status, and what it stops to. */
const standing = (to: Situation): string => standingOf(SITUATIONS[to][0].build());

/** What everything comes to in the end: where it is stopping to, or its status. */
const destinyOf = ({ status, stopping }: Execution): string => stopping?.to ?? status;

describe.each(SITUATION_NAMES)('two actions at once in %s', (situation) => {
  it.each(ASKED)('%s, then any other', (first) => {
    const between = LEADS[situation][first] ?? situation;
    for (const second of ASKED) {
      const expected = LEADS[between][second];
      for (const builder of SITUATIONS[situation]) {
        const execution = builder.build();
        const one = given(execution).when(ACTIONS[first]);
        const two = given(one.execution, T0 + 1).when(ACTIONS[second]);
        expect(standingOf(one.execution)).toBe(standing(between));
        expect(standingOf(two.execution)).toBe(standing(expected ?? between));
        expect(two.kind === 'DECIDED').toBe(expected !== undefined);
        if (expected === undefined) expect(two.execution).toBe(one.execution);
        expect(checkInvariants(two.execution)).toEqual([]);
        expect(two.execution.revision - execution.revision).toBe(
          Number(one.kind === 'DECIDED') + Number(two.kind === 'DECIDED'),
        );
      }
    }
  });

  it('the same one is not decided twice', () => {
    for (const builder of SITUATIONS[situation]) {
      for (const asked of ASKED) {
        const twice = given(builder).when(ACTIONS[asked], ACTIONS[asked]);
        const isDecided = given(builder).when(ACTIONS[asked]).kind === 'DECIDED';
        if (isDecided) expect(twice.kind).toBe('REFUSED');
      }
    }
  });
});

describe('of two that contradict each other one wins, whichever came first', () => {
  /** In these something is under way, so that a stop can be seen before it is over. */
  const BUSY: readonly Situation[] = [
    'IN_PROGRESS',
    'IN_PROGRESS_TO_FAILED',
    'CANARY_RUNNING',
    'CANARY_RUNNING_TO_FAILED',
    'CANARY_MONITORING',
    'PAUSED',
    'PAUSED_IN_CANARIES',
  ];
  const MILDER = ['PAUSE', 'RESUME', 'PROMOTE_CANARY', 'APPROVE'] as const;

  it.each(BUSY)('%s: rollback over everything', (situation) => {
    for (const other of [...MILDER, 'CANCEL'] as const) {
      for (const builder of SITUATIONS[situation]) {
        for (const pair of [
          [other, 'ROLLBACK'],
          ['ROLLBACK', other],
        ] as const) {
          const then = given(builder).when(...pair.map((asked) => ACTIONS[asked]));
          expect(then.execution).toMatchObject({ status: 'ROLLING_BACK', stopping: null });
        }
      }
    }
  });

  it.each(BUSY)('%s: cancel over everything but rollback', (situation) => {
    for (const other of MILDER) {
      for (const builder of SITUATIONS[situation]) {
        for (const pair of [
          [other, 'CANCEL'],
          ['CANCEL', other],
        ] as const) {
          const then = given(builder).when(...pair.map((asked) => ACTIONS[asked]));
          expect(destinyOf(then.execution)).toBe('CANCELLED');
        }
      }
    }
  });

  it('what has ended by the first is not begun again by the second', () => {
    for (const situation of ['PENDING', 'BETWEEN_BATCHES', 'PAUSED_FOR_APPROVAL'] as const) {
      for (const asked of ASKED) {
        const [builder] = SITUATIONS[situation];
        const then = given(builder).when(ACTIONS.CANCEL, ACTIONS[asked]);
        expect(then.execution.status).toBe('CANCELLED');
      }
    }
  });
});
