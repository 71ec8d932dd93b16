import { expect, it } from '@jest/globals';
import { schemaProblem, SCHEMAS } from './schemas.js';

const known = SCHEMAS.validator.migrations.map(({ name }) => name);

it.each([
  ['none', undefined, 'MISSING'],
  ['an empty one', [], 'OLDER'],
  ['one that lacks a migration', known.slice(1), 'OLDER'],
  ['one with a migration too many', [...known, 'Later1900000000000'], 'NEWER'],
  ['this code\u2019s', known, null],
])('a schema: %s', (_, applied, problem) => {
  const there = new Map(applied === undefined ? [] : [['validator' as const, applied]]);
  expect(schemaProblem('validator', there)).toBe(problem);
});
