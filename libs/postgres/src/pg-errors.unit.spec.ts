import { describe, expect, test } from '@jest/globals';
import { translated, translatedBeforeCommit, translatedCommit } from './pg-errors.js';

const of = (code: string): Error => Object.assign(new Error('said by pg'), { code });

describe('what a lost line is in the words of the port', () => {
  test.each(['EPIPE', 'ECONNRESET', 'ETIMEDOUT'])('%s: transient, rolled back', (code) => {
    const said = { name: 'TransientDatabaseError', outcome: 'rolled back' };
    expect(translated(of(code))).toMatchObject(said);
  });

  test.each([
    ['of the commit', translatedCommit],
    ['of a statement before it', translatedBeforeCommit],
  ])('nobody can tell once the commit was sent: the answer %s', (_, translate) => {
    expect(translate(of('EPIPE'))).toMatchObject({ outcome: 'unknown' });
    expect(translate(new Error('Connection terminated'))).toMatchObject({ outcome: 'unknown' });
  });

  test.each(['57P01', '57014', '53100', '08006'])(
    'nor does %s in answer to a commit say that nothing was committed',
    (code) => {
      expect(translatedCommit(of(code))).toMatchObject({ outcome: 'unknown' });
    },
  );

  test.each(['40001', '40P01'])('%s in answer to a commit does', (code) => {
    expect(translatedCommit(of(code))).toMatchObject({ outcome: 'rolled back' });
  });

  test('a statement that the server refused leaves nothing to commit', () => {
    expect(translatedBeforeCommit(of('55P03'))).toMatchObject({ outcome: 'rolled back' });
    const mistake = of('42601');
    expect(translatedBeforeCommit(mistake)).toBe(mistake);
  });
});
