import { describe, expect, it } from '@jest/globals';
import { letterLines } from './letter-lines.js';

const LETTER = {
  version: 1 as const,
  reason: 'not\n  JSON',
  topic: 'upgrade.validator.results.v1',
  partition: 3,
  offset: '17',
  key: null,
  headers: {},
  bodyBase64: Buffer.from('no\u001b[2J json\n').toString('base64'),
  bytes: 12,
  sha256: 'ab',
  isCut: false,
  buriedAt: '2030-01-01T00:00:00.000Z',
};

describe('a dead letter in a terminal', () => {
  it('says where it lies, as replay wants it, why, and how it begins, without its escapes', () => {
    const lines = letterLines('upgrade.validator.results.v1', {
      partition: 2,
      offset: '5',
      letter: LETTER,
    });
    expect(lines).toEqual([
      'upgrade.validator.results.v1 2 5  2030-01-01T00:00:00.000Z',
      '  why   not JSON',
      '  from  upgrade.validator.results.v1/3/17, key (none)',
      '  body  12 bytes: no·[2J json·',
      '',
    ]);
  });

  it('shows no escape of whoever sent it, wherever it stands', () => {
    const letter = {
      ...LETTER,
      reason: 'SyntaxError: "\u001b[31m"',
      key: '\u001b[2J',
      topic: '\u0007',
    };
    const lines = letterLines('t', { partition: 2, offset: '5', letter });
    expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    const unread = letterLines('t', { partition: 0, offset: '1', problem: '\u001b[31m' });
    expect(unread.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('says of one that cannot be read what is wrong with it', () => {
    const lines = letterLines('t', { partition: 0, offset: '1', problem: 'it is empty' });
    expect(lines[0]).toBe('t 0 1  cannot be read: it is empty');
  });
});
