import { describe, expect, test } from '@jest/globals';
import { examine, type Examination, type Sight, type ValidationQuestion } from './examination.js';
import type { CheckName } from './checks.js';
import type { SeenInstance } from './instance-checks.js';
import type { SmokeAnswer, SmokeTest } from './smoke-tests.js';

const question: ValidationQuestion = {
  compatibility: {
    valid: true,
    upgradeType: 'PATCH',
    riskLevel: 'LOW',
    requiresDowntime: false,
    blockers: [],
    warnings: [],
  },
  strategy: 'ROLLING',
  stateless: false,
  maxUnavailablePercentage: 25,
  expectedInstances: null,
  requires: {},
  installedComponents: {},
  smokeTests: [],
  pages: 2,
  targetVersion: '1.1.0',
  takesAll: false,
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

/** What a check finds once it was shown all this. */
function found(check: CheckName, sights: readonly Sight[], asked: ValidationQuestion) {
  let examination: Examination = examine(check, asked);
  for (const sight of sights) {
    if (examination.judgement !== null) throw new Error('it had found enough');
    examination = examination.see(sight);
  }
  return examination.judgement;
}

/** Carries out smoke tests against what an address answers; the calls made, and what was found. */
function smoke(smokeTests: readonly SmokeTest[], ...answers: SmokeAnswer[]) {
  let examination = examine('SMOKE_TESTS', { ...question, smokeTests });
  const calls: string[] = [];
  while (examination.judgement === null) {
    const { want } = examination;
    if (want.want === 'CALL') {
      const { method, url, pauseMs } = want.call;
      calls.push(`${String(pauseMs)} ${method} ${url}`);
      const answer = answers.shift();
      if (answer === undefined) throw new Error(`nobody answers ${url}`);
      examination = examination.see({ want: 'CALL', answer });
    } else {
      examination = examination.see({ want: 'ADDRESS', address: 'http://edge:8080/base/' });
    }
  }
  return { calls, judgement: examination.judgement };
}

function smokeTest(path: string, but: Partial<SmokeTest> = {}): SmokeTest {
  return { method: 'GET', path, expectedStatus: 200, body: null, timeoutSeconds: 10, ...but };
}

function answered(status: number): SmokeAnswer {
  return { kind: 'ANSWERED', status, durationMs: 5 };
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

  test('of resources wants to know of sets too where a second one is to run', () => {
    const room = { want: 'ROOM', room: { listed: 2, down: 0, spare: 2 } } as const;
    const sets = { want: 'SETS', canRunSets: true, standing: 0 } as const;
    const asked = { ...question, strategy: 'BLUE_GREEN' };
    expect(show('RESOURCE_AVAILABILITY', [room], asked).outcome).toBeNull();
    expect(show('RESOURCE_AVAILABILITY', [room, sets], asked)).toEqual({
      wanted: [{ want: 'ROOM' }, { want: 'SETS' }],
      outcome: 'PASSED',
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

  describe('of the state afterwards, where none was left out', () => {
    const asked = { ...question, pages: 1, takesAll: true };
    const taken = (but: Partial<SeenInstance> = {}): Sight => ({
      want: 'PAGE',
      expected: [{ id: 'a', version: '1.1.0' }],
      instances: [seen('a', but)],
    });
    const listing = (nextCursor: string | null, ...instances: SeenInstance[]): Sight => ({
      ...{ want: 'LISTING', instances, nextCursor },
    });

    test('reads the whole list again, and passes when everyone on it is on the version', () => {
      const sights = [taken(), listing('a', seen('a')), listing(null, seen('b'))];
      expect(show('POST_UPGRADE_STATE', sights, asked)).toEqual({
        wanted: [
          { want: 'PAGE', page: 1 },
          { want: 'LISTING', cursor: null },
          { want: 'LISTING', cursor: 'a' },
        ],
        outcome: 'PASSED',
      });
    });

    test('warns of those who are on another version, or on none that is known, and names them', () => {
      const sights = [
        taken(),
        listing('b', seen('a'), seen('b', { version: '1.0.0' })),
        listing(null, seen('c', { version: null })),
      ];
      const judgement = found('POST_UPGRADE_STATE', sights, asked);
      expect(judgement).toMatchObject({
        outcome: 'WARNING',
        evidence: { expected: 1, asExpected: 1, listed: 3, notOnVersion: 2 },
      });
      expect(judgement?.summary).toMatch(
        /2 others .*: b \(is on 1\.0\.0\), c \(is on no known version\)$/,
      );
    });

    test('fails without another look when a taken one is not as it should be', () => {
      expect(show('POST_UPGRADE_STATE', [taken({ healthy: false })], asked).outcome).toBe('FAILED');
    });

    test('warns when the list cannot be read to its end in time', () => {
      const first = examine('POST_UPGRADE_STATE', asked);
      if (first.judgement !== null) throw new Error('it wants a page');
      const second = first.see(taken());
      if (second.judgement !== null) throw new Error('it wants the list');
      expect(second.ifCut?.()).toMatchObject({ outcome: 'WARNING' });
      const third = second.see(listing('a', seen('a')));
      if (third.judgement !== null) throw new Error('it wants the rest of the list');
      expect(third.ifCut?.()).toMatchObject({ outcome: 'WARNING', evidence: { listed: 1 } });
    });
  });

  test('that is skipped ends at once, and another is not touched by that', () => {
    const skipChecks = [{ check: 'HEALTH_ENDPOINTS', reason: 'known', by: 'ann' }];
    const asked = { ...question, skipChecks };
    expect(show('HEALTH_ENDPOINTS', [], asked).outcome).toBe('SKIPPED');
    expect(show('RESOURCE_AVAILABILITY', [], asked).outcome).toBeNull();
  });

  test('of backups asks nobody about a stateless component', () => {
    expect(show('BACKUP_VERIFICATION', [], { ...question, stateless: true }).outcome).toBe(
      'PASSED',
    );
    const seenAtMs = 1_700_000_000_000;
    const none = { want: 'BACKUPS', keepsBackups: true, backups: [], seenAtMs } as const;
    expect(show('BACKUP_VERIFICATION', [none])).toEqual({
      wanted: [{ want: 'BACKUPS' }],
      outcome: 'FAILED',
    });
  });

  test('of dependencies wants to see nothing', () => {
    expect(show('DEPENDENCY_CHECK', []).outcome).toBe('PASSED');
    const requires = { kafka: '>=3' };
    expect(show('DEPENDENCY_CHECK', [], { ...question, requires }).outcome).toBe('FAILED');
  });

  test('refuses to be shown something else than it wanted', () => {
    const room = { listed: 1, down: 0, spare: 0 };
    expect(() => show('HEALTH_ENDPOINTS', [{ want: 'ROOM', room }])).toThrow('wanted to see');
  });
});

describe('smoke tests', () => {
  test('none registered asks nobody and passes with that reason', () => {
    expect(examine('SMOKE_TESTS', question).judgement).toMatchObject({
      outcome: 'PASSED',
      summary: 'none registered',
    });
  });

  test('are called in their order, below the address', () => {
    const { calls, judgement } = smoke(
      [smokeTest('/b'), smokeTest('/a?x=1', { method: 'POST', expectedStatus: 409 })],
      answered(200),
      answered(409),
    );
    expect(calls).toEqual(['0 GET http://edge:8080/base/b', '0 POST http://edge:8080/base/a?x=1']);
    expect(judgement.outcome).toBe('PASSED');
  });

  test('are all carried out, and one that is answered otherwise fails them, by name', () => {
    const { calls, judgement } = smoke(
      [smokeTest('/a'), smokeTest('/b')],
      answered(503),
      answered(200),
    );
    expect(calls).toHaveLength(2);
    expect(judgement).toMatchObject({
      outcome: 'FAILED',
      summary: '1 of 2 calls did not answer as expected: GET /a (answered 503, not 200)',
      evidence: { tests: 2, failed: 1 },
    });
  });

  test('are not called again for a wrong status or for silence, but once without a connection', () => {
    const refused = { kind: 'NOT_CONNECTED', problem: 'refused' } as const;
    const silent = { kind: 'NO_ANSWER', problem: 'no answer in 10 s' } as const;
    expect(smoke([smokeTest('/a')], answered(500)).calls).toHaveLength(1);
    expect(smoke([smokeTest('/a')], silent)).toMatchObject({
      calls: { length: 1 },
      judgement: { outcome: 'FAILED' },
    });
    expect(smoke([smokeTest('/a')], refused, answered(200))).toMatchObject({
      calls: ['0 GET http://edge:8080/base/a', '1000 GET http://edge:8080/base/a'],
      judgement: { outcome: 'PASSED' },
    });
    expect(smoke([smokeTest('/a')], refused, refused)).toMatchObject({
      calls: { length: 2 },
      judgement: { outcome: 'FAILED' },
    });
  });

  test('whose path leads elsewhere are not called, and fail', () => {
    const { calls, judgement } = smoke([smokeTest('//evil/'), smokeTest('/a')], answered(200));
    expect(calls).toEqual(['0 GET http://edge:8080/base/a']);
    expect(judgement).toMatchObject({ outcome: 'FAILED', evidence: { failed: 1 } });
  });

  test('whose time is up before the last has answered fail, and say which had', () => {
    const smokeTests = [smokeTest('/a'), smokeTest('/b'), smokeTest('/c')];
    const first = examine('SMOKE_TESTS', { ...question, smokeTests });
    if (first.judgement !== null) throw new Error('it wants an address');
    const second = first.see({ want: 'ADDRESS', address: 'http://edge' });
    if (second.judgement !== null) throw new Error('it wants a call');
    const third = second.see({ want: 'CALL', answer: answered(200) });
    if (third.judgement !== null) throw new Error('it wants another call');
    expect(third.ifCut?.()).toMatchObject({
      outcome: 'FAILED',
      evidence: {
        tests: 3,
        failed: 2,
        calls: [{ problem: null }, { call: 'GET /b' }, { call: 'GET /c' }],
      },
    });
  });

  test('fail where the target tells no address', () => {
    const asked = { ...question, smokeTests: [smokeTest('/a')] };
    expect(show('SMOKE_TESTS', [{ want: 'ADDRESS', address: null }], asked)).toEqual({
      wanted: [{ want: 'ADDRESS' }],
      outcome: 'FAILED',
    });
  });
});
