import { describe, expect, test } from '@jest/globals';
import { examine, type Examination, type Sight, type ValidationQuestion } from './examination.js';
import type { CheckName, SeenInstance } from './checks.js';

const question: ValidationQuestion = {
  compatibility: {
    valid: true,
    upgradeType: 'PATCH',
    riskLevel: 'LOW',
    requiresDowntime: false,
    blockers: [],
    warnings: [],
  },
  maxUnavailablePercentage: 25,
  expectedInstances: null,
  pages: 2,
  skipChecks: [],
};

function seen(id: string, but: Partial<SeenInstance> = {}): SeenInstance {
  return { id, version: '1.1.0', admitted: true, healthy: true, problem: null, ...but };
}

/** Shows a check one thing after another; answers what it wanted each time, and what it found. */
function show(check: CheckName, sights: readonly Sight[], asked = question) {
  let examination: Examination = examine(check, asked);
  const wanted = [];
  for (const sight of sights) {
    if (examination.judgement !== null) throw new Error('it had found enough');
    wanted.push(examination.want);
    examination = examination.see(sight);
  }
  return { wanted, outcome: examination.judgement?.outcome ?? null };
}

describe('a check', () => {
  test('of versions wants to see nothing', () => {
    expect(show('VERSION_COMPATIBILITY', []).outcome).toBe('PASSED');
  });

  test('of resources wants one count', () => {
    const room = { listed: 10, down: 9, spare: 0 };
    expect(show('RESOURCE_AVAILABILITY', [{ want: 'ROOM', room }])).toEqual({
      wanted: [{ want: 'ROOM' }],
      outcome: 'FAILED',
    });
  });

  test('of health looks at every page of the target’s list before it finds anything', () => {
    const first = { want: 'LISTING', instances: [seen('a')], nextCursor: 'a' } as const;
    expect(show('HEALTH_ENDPOINTS', [first]).outcome).toBeNull();
    const sick = [seen('b', { healthy: false })];
    const last = { want: 'LISTING', instances: sick, nextCursor: null } as const;
    expect(show('HEALTH_ENDPOINTS', [first, last])).toEqual({
      wanted: [
        { want: 'LISTING', cursor: null },
        { want: 'LISTING', cursor: 'a' },
      ],
      outcome: 'FAILED',
    });
  });

  test('of the state afterwards looks at every stored page', () => {
    const page = (id: string): Sight => ({
      want: 'PAGE',
      expected: [{ id, version: '1.1.0' }],
      instances: [seen(id)],
    });
    expect(show('POST_UPGRADE_STATE', [page('a')]).outcome).toBeNull();
    expect(show('POST_UPGRADE_STATE', [page('a'), page('b')])).toEqual({
      wanted: [
        { want: 'PAGE', page: 1 },
        { want: 'PAGE', page: 2 },
      ],
      outcome: 'PASSED',
    });
  });

  test('that is skipped ends at once, and another is not touched by that', () => {
    const skipChecks = [{ check: 'HEALTH_ENDPOINTS', reason: 'known', by: 'ann' }];
    const asked = { ...question, skipChecks };
    expect(show('HEALTH_ENDPOINTS', [], asked).outcome).toBe('SKIPPED');
    expect(show('RESOURCE_AVAILABILITY', [], asked).outcome).toBeNull();
  });

  test('refuses to be shown something else than it wanted', () => {
    const room = { listed: 1, down: 0, spare: 0 };
    expect(() => show('HEALTH_ENDPOINTS', [{ want: 'ROOM', room }])).toThrow('wanted to see');
  });
});
