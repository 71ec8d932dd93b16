import { describe, expect, it } from '@jest/globals';
import { copyOf } from './memory-copy.js';

describe('a copy of a row', () => {
  it('says the same and shares nothing', () => {
    const row = {
      id: 'a',
      none: null,
      left: undefined,
      nested: { list: [{ at: 1 }, 'two', true] },
    };
    const copy = copyOf(row);
    expect(copy).toStrictEqual(row);
    expect(copy.nested).not.toBe(row.nested);
    expect(copy.nested.list).not.toBe(row.nested.list);
    expect(copy.nested.list[0]).not.toBe(row.nested.list[0]);
  });

  it('takes what is not plain as well', () => {
    const [date, map] = [new Date(1_800_000_000_000), new Map([['a', { b: 1 }]])];
    const copy = copyOf({ date, map });
    expect(copy.date.getTime()).toBe(date.getTime());
    expect(copy.date).not.toBe(date);
    expect([...copy.map]).toEqual([['a', { b: 1 }]]);
    expect(copy.map.get('a')).not.toBe(map.get('a'));
  });

  it('refuses what no row can hold', () => {
    expect(() => copyOf({ a: [() => 1] })).toThrow('could not be cloned');
  });
});
