import { describe, expect, test } from '@jest/globals';
import { judgeDependencies } from './dependency-check.js';

function judge(requires: Record<string, string>, installedComponents: Record<string, string>) {
  return judgeDependencies({ requires, installedComponents });
}

describe('what a version requires', () => {
  test.each([
    ['nothing', {}, {}, 'PASSED'],
    ['nothing of what is there', {}, { kafka: 'rubbish' }, 'PASSED'],
    ['what is there', { kafka: '>=3.5' }, { kafka: '3.6.0' }, 'PASSED'],
    ['what is there, written as people do', { db: '^16' }, { db: 'v16.1' }, 'PASSED'],
    ['what is there in any version', { db: '*' }, { db: '9' }, 'PASSED'],
    ['what is missing', { kafka: '>=3.5' }, { db: '16' }, 'FAILED'],
    ['another version', { kafka: '>=3.5' }, { kafka: '3.4.9' }, 'FAILED'],
    ['a release where a pre-release is', { kafka: '>=3.5' }, { kafka: '3.6.0-rc.1' }, 'FAILED'],
    ['what has no version that could be read', { kafka: '*' }, { kafka: 'latest' }, 'FAILED'],
    ['a range that cannot be read', { kafka: 'new' }, { kafka: '3.6.0' }, 'FAILED'],
    ['what every object inherits', { constructor: '*' }, {}, 'FAILED'],
  ])('is %s', (_, requires, installed, outcome) => {
    expect(judge(requires, installed).outcome).toBe(outcome);
  });

  test('is named, all that is not met of it', () => {
    const judgement = judge(
      { kafka: '>=3.5', db: '^16', cache: '7' },
      { db: '15.4', cache: '7.2' },
    );
    expect(judgement.summary).toBe(
      'kafka >=3.5 is required, and installedComponents does not name kafka; ' +
        'db ^16 is required, 15.4 is installed',
    );
    expect(judgement.evidence).toMatchObject({ required: 3, notMet: 2 });
  });
});
