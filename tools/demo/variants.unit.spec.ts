import { describe, expect, it } from '@jest/globals';
import { DEFAULT_VARIANT, variantOf, VARIANTS } from './variants.js';

describe('the demo that is asked for', () => {
  it('is the rolling one when none is named', () => {
    expect(variantOf([])).toBe(VARIANTS[DEFAULT_VARIANT]);
    expect(variantOf(['rolling'])).toBe(VARIANTS['rolling']);
  });

  it.each([['yellow'], ['toString'], ['__proto__']])('lists what there is for "%s"', (name) => {
    expect(variantOf([name])).toMatch(/^there is no demo ".+"; there are:\n {2}rolling +\S/);
  });

  it.each(['canary', 'blue-green', 'staged', 'rollback', 'recreate'])('may be %s', (name) => {
    expect(variantOf([name])).toBe(VARIANTS[name]);
  });

  it('is one at a time', () => {
    expect(variantOf(['rolling', 'rolling'])).toContain('one demo at a time');
  });
});
