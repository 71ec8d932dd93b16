import { expect, test } from '@jest/globals';
import { valueOf } from './prometheus-answer.js';

const AT = 1_700_000_000.123;

function answer(resultType: string, result: unknown): string {
  return JSON.stringify({ status: 'success', data: { resultType, result } });
}

function series(...values: string[]): string {
  return answer(
    'vector',
    values.map((value, at) => ({ metric: { job: String(at) }, value: [AT, value] })),
  );
}

test.each([
  ['a scalar', answer('scalar', [AT, '0.25']), 0.25],
  ['one series', series('1e-3'), 0.001],
  ['one series of zero', series('0'), 0],
  ['one series of nothing', series('NaN'), NaN],
  ['a division by zero', series('+Inf'), NaN],
  ['an empty text', series(''), NaN],
  ['no series', series(), null],
])('%s', (_, text, value) => {
  expect(valueOf(200, text)).toBe(value);
});

test.each([
  ['two series', 200, series('1', '2'), 'the query gives 2 series, not one'],
  ['a range', 200, answer('matrix', []), 'the query gives a matrix, not one value'],
  ['a text', 200, answer('string', [AT, 'x']), 'the query gives a string, not one value'],
  [
    'a histogram',
    200,
    answer('vector', [{ metric: {}, histogram: [AT, {}] }]),
    'the query gives a histogram',
  ],
  [
    'a refusal',
    400,
    JSON.stringify({ status: 'error', errorType: 'bad_data', error: `parse ${'x'.repeat(900)}` }),
    /^Prometheus refused the query: parse x{194}$/,
  ],
  ['a redirect', 302, '', 'Prometheus answered 302 (a redirect)'],
  ['a broken proxy', 502, '<html>', 'Prometheus answered 502'],
  ['a value with a bad status', 500, series('1'), 'Prometheus answered 500'],
  ['no JSON', 200, 'up 1', 'Prometheus answered something else than its API says'],
  ['other JSON', 200, '{"status":"success","data":{}}', /something else/],
  ['a number where a text must be', 200, answer('scalar', [AT, 1]), /something else/],
])('%s is no value', (_, status, text, message) => {
  expect(() => valueOf(status, text)).toThrow(message);
});
