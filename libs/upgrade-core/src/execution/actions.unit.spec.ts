import { describe, expect, it } from '@jest/globals';
import { given } from '#testing/given.js';
import { action } from '#testing/inputs.js';
import { SITUATION_NAMES, SITUATIONS, type Situation } from '#testing/situations.js';
import { allowedActions, type Decision } from './decide.js';
import { EXECUTION_STATUSES } from './execution.js';
import { ACTION_TYPES, type Action } from './execution-inputs.js';
import { checkInvariants } from './invariants.js';

/** Asked by somebody who did not initiate the upgrade; the last three by whom or how it says. */
const ASKED: readonly Action[] = [
  ...ACTION_TYPES.map((type) => action(type, { by: 'bob' })),
  action('APPROVE', { by: 'ann' }),
  action('PROMOTE_CANARY', { by: 'bob', force: true, reason: 'I know' }),
  action('CANCEL', { by: 'bob', force: true }),
];

/** D: decided. R: refused (409). F: forbidden (403). A: answered without a change here. */
// prettier-ignore
const MATRIX: Readonly<Record<Situation, string>> = {
  // START PAUSE RESUME APPROVE PROMOTE ROLLBACK CANCEL REVERT | own APPROVE, forced PROMOTE, CANCEL
  PENDING:                        'D R R R R R D R | R R D',
  VALIDATING:                     'R R R R R R D R | R R D',
  IN_PROGRESS:                    'R D R R R D D R | R R D',
  BETWEEN_BATCHES:                'R D R R R D D R | R R D',
  IN_PROGRESS_TO_CANCELLED:       'R R R R R D R R | R R R',
  IN_PROGRESS_TO_FAILED:          'R R R R R D D R | R R D',
  CANARY_RUNNING:                 'R D R R R D D R | R R D',
  CANARY_RUNNING_TO_CANCELLED:    'R R R R R D R R | R R R',
  CANARY_RUNNING_TO_FAILED:       'R R R R R D D R | R R D',
  CANARY_MONITORING:              'R R R R D D D R | R D D',
  CANARY_UNHEALTHY:               'R R R R R D D R | R D D',
  CANARY_MONITORING_TO_CANCELLED: 'R R R R R D R R | R R R',
  PAUSED:                         'R R D R R D D R | R R D',
  PAUSED_BETWEEN_BATCHES:         'R R D R R D D R | R R D',
  PAUSED_IN_CANARIES:             'R R D R R D D R | R R D',
  PAUSED_TO_CANCELLED:            'R R R R R D R R | R R R',
  PAUSED_FOR_APPROVAL:            'R R R D R D D R | F R D',
  ROLLING_BACK:                   'R R R R R R R R | R R D',
  ROLLING_BACK_TO_CANCELLED:      'R R R R R R R R | R R R',
  COMPLETED:                      'R R R R R R R A | R R R',
  FAILED:                         'R R R R R R R A | R R R',
  CANCELLED:                      'R R R R R R R A | R R R',
  ROLLED_BACK:                    'R R R R R R R R | R R R',
};

const LETTERS: Readonly<Record<string, Decision['kind']>> = {
  D: 'DECIDED',
  R: 'REFUSED',
  F: 'FORBIDDEN',
  A: 'ABSORBED',
};

describe.each(SITUATION_NAMES)('%s', (situation) => {
  const letters = MATRIX[situation].replace('| ', '').split(' ');
  const executions = SITUATIONS[situation].map((builder) => builder.build());

  it('is an execution as there can be one', () => {
    for (const execution of executions) expect(checkInvariants(execution)).toEqual([]);
  });

  it.each(
    ASKED.map((asked, at) => [asked.type, asked.by, asked.force, letters[at] ?? ''] as const),
  )('%s by %s, force %j: %s', (type, by, force, letter) => {
    const asked = ASKED.find((it) => it.type === type && it.by === by && it.force === force);
    for (const execution of executions) {
      const then = given(execution).when(asked ?? action(type));
      expect(then.kind).toBe(LETTERS[letter]);
      if (then.kind !== 'DECIDED') expect(then.execution).toBe(execution);
      expect(checkInvariants(then.execution)).toEqual([]);
    }
  });

  it('says which actions it allows: those that need no force', () => {
    const allowed = ACTION_TYPES.filter((_, at) => letters[at] !== 'R');
    for (const execution of executions) {
      expect(allowedActions(execution)).toEqual(allowed);
      const refused = ACTION_TYPES.find((_, at) => letters[at] === 'R');
      expect(given(execution).when(action(refused ?? 'START')).decision).toEqual({
        kind: 'REFUSED',
        allowedActions: allowed,
      });
    }
  });
});

it('every status stands in the matrix', () => {
  const builders = SITUATION_NAMES.flatMap((name) => SITUATIONS[name]);
  const statuses = new Set(builders.map((builder) => builder.build().status));
  expect([...statuses].sort()).toEqual([...EXECUTION_STATUSES].sort());
});
