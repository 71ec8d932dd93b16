import { beforeAll, describe, expect, it } from '@jest/globals';
import { anExecution } from '#testing/an-execution.js';
import { RandomWalk } from '#testing/random-walk.js';
import { SeededRandom } from '#testing/seeded-random.js';
import {
  EXECUTION_STATUSES,
  isTerminal,
  TERMINAL_STATUSES,
  type ExecutionStatus,
} from './execution.js';
import { REPORT_TYPES, type Input } from './execution-inputs.js';
import { decide } from './decide.js';
import { GUARDS, ROWS } from './execution-transitions.js';

const WALKS = 4_000;

/** Reports that cannot belong to a status: an error, counted, and a dead letter. */
const IMPOSSIBLE: Readonly<Partial<Record<ExecutionStatus, readonly Input['type'][]>>> = {
  // Nothing has been asked of anyone yet.
  PENDING: REPORT_TYPES.filter((type) => type !== 'REMINDER_DUE'),
  VALIDATING: [
    'STEPS_SETTLED',
    'ROOM_COUNTED',
    'BATCH_DELAY_OVER',
    'POST_CHECKS_ENDED',
    'FLEET_COMPARED',
    'SET_OPERATION_ENDED',
    'SET_LISTED',
    'CANARY_WATCHED',
    'ROLLBACK_PROGRESSED',
  ],
  IN_PROGRESS: ['ROLLBACK_PROGRESSED'],
  CANARY_RUNNING: ['CANARY_WATCHED', 'ROLLBACK_PROGRESSED'],
  CANARY_MONITORING: ['ROLLBACK_PROGRESSED'],
  PAUSED: ['ROLLBACK_PROGRESSED'],
};

describe('the table', () => {
  it('gives each row and guard a name of its own and a reason', () => {
    const all = [...ROWS, ...GUARDS];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { why } of all) expect(why).toMatch(/^[A-Z].*\.$/);
  });

  it('judges the guards in the order of the spec', () => {
    expect(GUARDS.map(({ name }) => name)).toEqual([
      'new-set-retired-first', // 1: is itself under way
      'traffic-evened-first', // 1: likewise
      'stopped', // 1
      'validated',
      'threshold-reached', // 2
      'set-operation-failed', // 9: as 2
      'stale-set', // §5: before anything is touched
      'new-set', // §5
      'traffic-evened', // before 8, after a promotion
      'room-unknown', // what 3, 5 and 8 are judged by
      'retry-round', // 3
      'failed-again', // 4
      'no-room', // 5
      'canaries-weighed', // before 6
      'canaries-completed', // 6
      'stage-settled', // 7
      'batch-settled', // 8: the delay
      'next-batch', // 8
      'traffic-switched', // 9
      'all-completed', // 10
      'post-checks-failed', // 10
      'post-checks-passed', // 10
    ]);
  });

  it('has no row behind one that takes everything of its kind', () => {
    for (const [at, row] of ROWS.entries()) {
      const before = ROWS.slice(0, at).filter(({ on, when }) => on === row.on && when === null);
      const shadowed = row.from.filter((status) =>
        before.some(({ from }) => from.includes(status)),
      );
      expect({ row: row.name, shadowed }).toEqual({ row: row.name, shadowed: [] });
    }
  });
});

describe('every pair of a status and a report is answered', () => {
  describe.each(EXECUTION_STATUSES)('%s', (status) => {
    it.each(REPORT_TYPES)('%s', (type) => {
      const isAnswered = ROWS.some(({ from, on }) => from.includes(status) && on === type);
      expect(isAnswered).toBe(!(IMPOSSIBLE[status] ?? []).includes(type));
    });
  });

  it('names what cannot belong', () => {
    const input: Input = { type: 'BATCH_DELAY_OVER' };
    expect(decide(anExecution().build(), input, 0)).toEqual({
      kind: 'IMPOSSIBLE',
      reason: 'BATCH_DELAY_OVER cannot belong to PENDING',
    });
  });
});

describe('terminal statuses', () => {
  it('are named by no row that does anything, and by no guard', () => {
    const acting = [...ROWS.filter(({ plan }) => plan !== null), ...GUARDS];
    const fromTerminal = acting.filter(({ from }) => from.some((status) => isTerminal(status)));
    expect(fromTerminal).toEqual([]);
  });

  it.each(TERMINAL_STATUSES)('%s absorbs every report', (status) => {
    for (const on of REPORT_TYPES) {
      const row = ROWS.find(({ from, on: type }) => from.includes(status) && type === on);
      expect(row?.name).toBe(`ended-${on.toLowerCase().replaceAll('_', '-')}`);
    }
  });
});

describe('walked at random', () => {
  const reached = new Map<string, Set<string>>();
  const statuses = new Set<string>();

  beforeAll(() => {
    for (let seed = 0; seed < WALKS; seed += 1) {
      const { taken } = new RandomWalk(new SeededRandom(seed)).run();
      for (const { name, from, to } of taken) {
        const ofRow = reached.get(name) ?? new Set();
        reached.set(name, ofRow.add(from === to ? 'SAME' : to));
        statuses.add(from).add(to);
      }
    }
  }, 60_000);

  it('reaches every status', () => {
    expect([...statuses].sort()).toEqual([...EXECUTION_STATUSES].sort());
  });

  it.each([...ROWS, ...GUARDS].map((row) => [row.name, row.to] as const))(
    '%s is hit and leads exactly to %j',
    (name, to) => {
      expect([...(reached.get(name) ?? [])].sort()).toEqual([...to].sort());
    },
  );
});
