import { describe, expect, test } from '@jest/globals';
import { STATUS_DEADLINES, VALIDATION_LIMITS } from '../limits.js';
import { CHECKS, checksOf } from './checks.js';
import {
  judgeHealth,
  judgeState,
  NOTHING_COMPARED,
  NOTHING_SEEN,
  tallyHealth,
  tallyState,
  type SeenInstance,
} from './instance-checks.js';
import { judgeNotCarriedOut, judgeSkipped, resultOf } from './judgement.js';
import { judgeRoom, judgeSpare, type CountedRoom, type RoomQuestion } from './room-check.js';
import { judgeCompatibility, type Compatibility } from './version-check.js';

const compatible: Compatibility = {
  valid: true,
  upgradeType: 'MINOR',
  riskLevel: 'LOW',
  requiresDowntime: false,
  blockers: [],
  warnings: [],
};

function seen(id: string, but: Partial<SeenInstance> = {}): SeenInstance {
  return { id, version: '1.1.0', admitted: true, healthy: true, problem: null, ...but };
}

describe('which checks there are', () => {
  test('before and after an upgrade', () => {
    expect(checksOf('PRE')).toEqual([
      'VERSION_COMPATIBILITY',
      'RESOURCE_AVAILABILITY',
      'BACKUP_VERIFICATION',
      'HEALTH_ENDPOINTS',
      'DEPENDENCY_CHECK',
    ]);
    expect(checksOf('POST')).toEqual(['POST_UPGRADE_STATE', 'SMOKE_TESTS']);
  });

  test('every deadline is shorter than the time a status is given for its checks', () => {
    const { validatingMs, postChecksMs } = STATUS_DEADLINES;
    for (const { kind, deadlineMs } of Object.values(CHECKS)) {
      expect(deadlineMs).toBeLessThan(kind === 'PRE' ? validatingMs : postChecksMs);
    }
  });
});

describe('VERSION_COMPATIBILITY', () => {
  test.each([
    ['nothing against it', {}, 'PASSED'],
    ['a blocker', { valid: false, blockers: ['downgrade'] }, 'FAILED'],
    ['a blocker beside a claim that all is well', { blockers: ['downgrade'] }, 'FAILED'],
    ['not valid without a reason', { valid: false }, 'FAILED'],
    ['a warning', { warnings: ['deprecated'] }, 'WARNING'],
    ['a warning beside a blocker', { warnings: ['deprecated'], blockers: ['x'] }, 'FAILED'],
  ] as const)('given %s', (_, found, outcome) => {
    expect(judgeCompatibility({ ...compatible, ...found }).outcome).toBe(outcome);
  });

  test('evidence stays bounded however much was found', () => {
    const blockers = Array.from({ length: 1_000 }, () => 'x'.repeat(5_000));
    const { summary, evidence } = judgeCompatibility({ ...compatible, valid: false, blockers });
    expect(summary.length).toBe(VALIDATION_LIMITS.summaryMaxChars);
    expect(JSON.stringify(evidence).length).toBeLessThan(10_000);
  });
});

describe('RESOURCE_AVAILABILITY', () => {
  const rolling = { strategy: 'ROLLING', maxUnavailablePercentage: 25, expectedInstances: null };
  const room = (but: Partial<CountedRoom>, question: Partial<RoomQuestion> = {}) =>
    judgeRoom({ listed: 10, down: 0, spare: 0, ...but }, { ...rolling, ...question });

  test.each([
    ['ten healthy ones, 25 %: two may be down', 10, 0, 'PASSED', 2],
    ['one of two places taken', 10, 1, 'PASSED', 1],
    ['both places taken', 10, 2, 'FAILED', 0],
    ['more down than may be', 10, 7, 'FAILED', 0],
    ['a single instance: one may always be down', 1, 0, 'PASSED', 1],
  ] as const)('given %s', (_, listed, down, outcome, places) => {
    const judgement = room({ listed, down });
    expect(judgement.outcome).toBe(outcome);
    expect(judgement.evidence).toMatchObject({ listed, down, places });
  });

  test.each(['ROLLING', 'CANARY', 'STAGED', 'RECREATE', 'UNHEARD_OF'])(
    '%s of no instances at all is no pass',
    (strategy) => {
      expect(room({ listed: 0, spare: 99 }, { strategy }).outcome).toBe('FAILED');
    },
  );

  test.each([
    ['as many as there are', 10, 0, null, 'PASSED'],
    ['one too few', 9, 0, null, 'FAILED'],
    ['fewer than the execution expects', 10, 0, 11, 'FAILED'],
    ['none', 0, 0, null, 'FAILED'],
    ['none, but a kept set stands there', 0, 10, null, 'PASSED'],
    ['some, and a part of the rest stands there', 4, 5, null, 'FAILED'],
  ] as const)(
    'a new set beside the old one, where the target could add %s',
    (_, spare, standing, expectedInstances, outcome) => {
      const counted = { listed: 10, down: 10, spare };
      const question = { ...rolling, strategy: 'BLUE_GREEN', expectedInstances };
      const judgement = judgeSpare(counted, { canRunSets: true, standing }, question);
      expect(judgement).toMatchObject({ outcome, evidence: { spare, standing } });
      const cannot = judgeSpare(counted, { canRunSets: false, standing }, question);
      expect(cannot.outcome).toBe('FAILED');
      const empty = judgeSpare({ ...counted, listed: 0 }, { canRunSets: true, standing }, question);
      expect(empty.outcome).toBe('FAILED');
    },
  );

  test('RECREATE needs no room, and says so', () => {
    const judgement = room({ down: 10 }, { strategy: 'RECREATE' });
    expect(judgement).toMatchObject({ outcome: 'PASSED', evidence: { needsRoom: false } });
    expect(judgement.summary).toContain('needs no room');
  });

  test('a strategy nobody knows is held to the strictest rule', () => {
    expect(room({ down: 2 }, { strategy: 'UNHEARD_OF' }).outcome).toBe('FAILED');
  });
});

describe('HEALTH_ENDPOINTS', () => {
  test('passes when each instance answers, over several pages', () => {
    const tally = tallyHealth(tallyHealth(NOTHING_SEEN, [seen('a')]), [seen('b'), seen('c')]);
    expect(judgeHealth(tally, 3)).toMatchObject({ outcome: 'PASSED', evidence: { listed: 3 } });
  });

  test('fails on a single unhealthy one and names it with its problem', () => {
    const tally = tallyHealth(NOTHING_SEEN, [
      seen('a'),
      seen('b', { healthy: false, problem: 'HTTP 503' }),
    ]);
    expect(judgeHealth(tally, null)).toMatchObject({
      outcome: 'FAILED',
      summary: '1 of 2 instances do not answer well: b (HTTP 503)',
      evidence: { unhealthy: 1, firstUnhealthy: [{ id: 'b', problem: 'HTTP 503' }] },
    });
  });

  test('names the first twenty of many', () => {
    const page = Array.from({ length: 300 }, (_, n) => seen(`i-${String(n)}`, { healthy: false }));
    const { evidence } = judgeHealth(tallyHealth(NOTHING_SEEN, page), null);
    expect(evidence['unhealthy']).toBe(300);
    expect(evidence['firstUnhealthy']).toHaveLength(20);
  });

  test.each([
    ['an empty target is no pass', [], null, 'FAILED'],
    ['fewer than expected', [seen('a')], 2, 'FAILED'],
    ['more than expected', [seen('a'), seen('b')], 1, 'PASSED'],
    ['healthy but outside the traffic', [seen('a', { admitted: false })], 1, 'WARNING'],
  ] as const)('given %s', (_, page, expected, outcome) => {
    expect(judgeHealth(tallyHealth(NOTHING_SEEN, page), expected).outcome).toBe(outcome);
  });
});

describe('POST_UPGRADE_STATE', () => {
  const expected = [
    { id: 'a', version: '1.1.0' },
    { id: 'b', version: '1.1.0' },
  ];

  test('passes when all are on their version, healthy and admitted', () => {
    const tally = tallyState(NOTHING_COMPARED, expected, [seen('b'), seen('a')]);
    expect(judgeState(tally)).toMatchObject({ outcome: 'PASSED', evidence: { asExpected: 2 } });
  });

  test.each([
    ['one vanished', [seen('a')], 'missing'],
    [
      'one says yes and stays on the old version',
      [seen('a'), seen('b', { version: '1.0.0' })],
      'onAnotherVersion',
    ],
    ['one tells no version', [seen('a'), seen('b', { version: null })], 'onAnotherVersion'],
    ['one is unhealthy', [seen('a'), seen('b', { healthy: false })], 'unhealthy'],
    ['one gets no traffic', [seen('a'), seen('b', { admitted: false })], 'notAdmitted'],
  ] as const)('fails when %s', (_, page, count) => {
    const judgement = judgeState(tallyState(NOTHING_COMPARED, expected, page));
    expect(judgement.outcome).toBe('FAILED');
    expect(judgement.evidence).toMatchObject({ expected: 2, asExpected: 1, [count]: 1 });
    expect(judgement.evidence['firstNotAsExpected']).toMatchObject([{ id: 'b' }]);
  });

  test('an empty question is no pass', () => {
    expect(judgeState(NOTHING_COMPARED).outcome).toBe('FAILED');
  });
});

describe('checks without an answer', () => {
  test('a skipped one is SKIPPED with who and why', () => {
    expect(judgeSkipped({ by: 'ann', reason: 'known broken' })).toEqual({
      outcome: 'SKIPPED',
      summary: 'skipped by ann: known broken',
      evidence: { skippedBy: 'ann', reason: 'known broken' },
    });
  });

  test('one that could not be carried out is FAILED, never a pass', () => {
    expect(judgeNotCarriedOut('target does not answer').outcome).toBe('FAILED');
  });

  test('a clock that jumped back gives no negative duration', () => {
    const result = resultOf('HEALTH_ENDPOINTS', judgeNotCarriedOut('x'), -5);
    expect(result.durationMs).toBe(0);
  });
});
