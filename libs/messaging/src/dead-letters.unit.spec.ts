import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { deadLetterOf, parseDeadLetter } from './dead-letters.js';
import type { IncomingMessage } from './incoming-message.js';

const AT_MS = Date.UTC(2026, 10, 21, 12);

const message: IncomingMessage = {
  topic: 'upgrade.progress.v1',
  partition: 3,
  offset: '9007199254740993',
  key: 'execution',
  headers: { 'content-type': 'application/json' },
  value: Buffer.from('{"broken":'),
};

function roundTrip(over: Partial<IncomingMessage>) {
  const sent = deadLetterOf({ ...message, ...over }, 'SyntaxError', AT_MS);
  return { sent, letter: parseDeadLetter(sent.value) };
}

describe('a dead letter', () => {
  it('says what the message was, where it lay, and why it is here', () => {
    const { sent, letter } = roundTrip({});
    expect(sent).toMatchObject({ topic: 'upgrade.progress.v1.dlq', key: 'execution' });
    expect(letter).toEqual({
      version: 1,
      reason: 'SyntaxError',
      topic: 'upgrade.progress.v1',
      partition: 3,
      offset: '9007199254740993',
      key: 'execution',
      headers: { 'content-type': 'application/json' },
      bodyBase64: Buffer.from('{"broken":').toString('base64'),
      bytes: 10,
      sha256: 'cbdf3b1f91ae32fe1ea292ac6cccf19222f97929f531523f0d15d885052c00c4',
      isCut: false,
      buriedAt: '2026-11-21T12:00:00.000Z',
    });
  });

  it('keeps the first 64 KB and the hash of the whole of a long one', () => {
    const value = Buffer.alloc(100_000, 'x');
    const { letter } = roundTrip({ value });
    expect(letter.sha256).toBe(createHash('sha256').update(value).digest('hex'));
    expect(Buffer.from(letter.bodyBase64 ?? '', 'base64')).toHaveLength(65_536);
    expect(letter).toMatchObject({ bytes: 100_000, isCut: true });
  });

  it('stays small whatever the message was, and says that it was cut', () => {
    const headers = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`h${String(index)}`, 'x'.repeat(10_000)]),
    );
    const { sent, letter } = roundTrip({ key: 'k'.repeat(500_000), headers });
    expect(sent.value.length).toBeLessThan(120_000);
    expect(letter.isCut).toBe(true);
    expect(letter.key).toHaveLength(1024);
  });

  it('goes under a key that can be written, and says the whole one', () => {
    const { sent, letter } = roundTrip({ key: 'a\0b' });
    expect([sent.key, letter.key]).toEqual(['a\ufffdb', 'a\0b']);
  });

  it('tells a message without a value from one with an empty value', () => {
    expect(roundTrip({ value: null }).letter.bodyBase64).toBeNull();
    expect(roundTrip({ value: Buffer.alloc(0) }).letter.bodyBase64).toBe('');
  });

  it('is read again only when it is one', () => {
    expect(() => parseDeadLetter(null)).toThrow('empty');
    expect(() => parseDeadLetter('{')).toThrow('not JSON');
    expect(() => parseDeadLetter('{"version":2}')).toThrow('no dead letter');
  });
});
