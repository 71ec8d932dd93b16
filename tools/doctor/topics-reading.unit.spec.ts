import { describe, expect, it } from '@jest/globals';
import { spoken, withSequence } from './topics-reading.js';

describe('what is kept of an execution’s events', () => {
  it.each([
    ['one after the other', [1, 2, 3], [[1, 3]]],
    ['twice, and late', [1, 2, 1, 3, 2, 3], [[1, 3]]],
    [
      'with a hole',
      [1, 2, 5, 6],
      [
        [1, 2],
        [5, 6],
      ],
    ],
    ['a hole that is filled later', [1, 5, 3, 2, 4], [[1, 5]]],
    ['told again behind what came first', [6, 7, 1, 2, 3, 4, 5, 6, 7], [[1, 7]]],
  ])('%s', (_, heard, runs) => {
    const none: [number, number][] = [];
    expect(heard.reduce((kept, sequence) => withSequence(kept, sequence), none)).toEqual(runs);
  });
});

describe('what a message says of an execution', () => {
  const id = '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b';
  const said = (text: string) => spoken({ value: Buffer.from(text) });

  it('is its data', () => {
    const data = { executionId: id, sequence: 3 };
    expect(said(JSON.stringify({ data }))).toEqual(data);
  });

  it.each([
    ...['', 'no JSON', 'null', '7', '[]', '{}', '{"data":null}', '{"data":"text"}'],
    ...['{"data":{"executionId":7}}', '{"data":{"executionId":"nobody"}}'],
    `{"data":{"executionId":"${id}\n"}}`,
  ])('is nothing where it is %s', (text) => {
    expect(said(text)).toBeNull();
  });
});
