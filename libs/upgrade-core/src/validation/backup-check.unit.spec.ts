import { describe, expect, test } from '@jest/globals';
import { judgeBackups, type SeenBackup } from './backup-check.js';

const NOW_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

function backup(id: string, ageHours: number, verified = true): SeenBackup {
  return { id, takenAtMs: NOW_MS - ageHours * HOUR_MS, verified };
}

function judge(...backups: SeenBackup[]) {
  return judgeBackups({ keepsBackups: true, backups, seenAtMs: NOW_MS });
}

describe('a component with state', () => {
  test.each([
    ['a verified one of an hour ago', [backup('a', 1)], 'PASSED'],
    ['one just short of 24 h', [backup('a', 23.999)], 'PASSED'],
    ['one of exactly 24 h', [backup('a', 24)], 'FAILED'],
    ['an unverified one of an hour ago', [backup('a', 1, false)], 'FAILED'],
    ['a verified one behind an unverified one', [backup('b', 1, false), backup('a', 5)], 'PASSED'],
    ['the same in another order', [backup('a', 5), backup('b', 1, false)], 'PASSED'],
    ['young but unverified, verified but old', [backup('b', 1, false), backup('a', 30)], 'FAILED'],
    ['one that another clock dated a minute ahead', [backup('a', -1 / 60)], 'PASSED'],
    ['one from tomorrow', [backup('a', -24)], 'FAILED'],
    ['one taken at no time', [{ ...backup('a', 1), takenAtMs: Number.NaN }], 'FAILED'],
    ['none', [], 'FAILED'],
  ] as const)('with %s', (_, backups, outcome) => {
    expect(judge(...backups).outcome).toBe(outcome);
  });

  test('whose backups do not do is told which there are', () => {
    const judgement = judge(backup('night', 1, false), backup('sunday', 30));
    expect(judgement.summary).toBe(
      'no backup is both verified and younger than 24 h; the latest: night was taken 1.0 h ago, ' +
        'and was not verified; the latest that was verified: sunday was taken 30.0 h ago',
    );
    expect(judgement.evidence).toMatchObject({
      backups: 2,
      latest: { id: 'night', verified: false, ageMs: HOUR_MS },
      latestVerified: { id: 'sunday', verified: true },
    });
  });

  test('on a target that keeps none fails, whatever it lists, and learns what to do', () => {
    const seen = { keepsBackups: false, backups: [backup('a', 1)], seenAtMs: NOW_MS };
    const judgement = judgeBackups(seen);
    expect(judgement.outcome).toBe('FAILED');
    expect(judgement.summary).toMatch(/keeps no backups.*skip BACKUP_VERIFICATION with a reason/);
  });
});
