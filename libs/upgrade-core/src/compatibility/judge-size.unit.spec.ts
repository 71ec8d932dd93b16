import { describe, expect, it } from '@jest/globals';
import { judgeSize, type SizeQuestion } from './judge-size.js';

const codes = (judgement: { blockers: readonly { code: string }[] }) =>
  judgement.blockers.map((blocker) => blocker.code);

describe('the number of instances', () => {
  const size = (more: Partial<SizeQuestion>) =>
    judgeSize({
      listed: 10,
      totalInstances: null,
      strategy: 'ROLLING',
      maxUnavailablePercentage: 25,
      failureThreshold: 2,
      allowDowntime: false,
      ...more,
    });

  it('says so where nothing would serve, although it was asked for', () => {
    const warned = (more: Partial<SizeQuestion>) => size(more).warnings.map(({ code }) => code);
    expect(warned({ strategy: 'RECREATE' })).toEqual(['DOWNTIME']);
    expect(warned({ listed: 1, allowDowntime: true, failureThreshold: 1 })).toEqual(['DOWNTIME']);
    expect(warned({ strategy: 'BLUE_GREEN' })).toEqual([]);
    expect(warned({ allowDowntime: true })).toEqual([]);
  });

  it('must not be zero, nor less than what is asked for', () => {
    expect(codes(size({ listed: 0 }))).toEqual(['NO_INSTANCES']);
    expect(codes(size({ totalInstances: 11 }))).toEqual(['TOO_MANY_INSTANCES']);
    expect(codes(size({ totalInstances: 10 }))).toEqual([]);
  });

  it('must leave one serving, unless downtime is allowed or the strategy keeps a whole set', () => {
    expect(codes(size({ listed: 1 }))).toEqual(['NOTHING_WOULD_SERVE']);
    expect(codes(size({ maxUnavailablePercentage: 100 }))).toEqual(['NOTHING_WOULD_SERVE']);
    expect(codes(size({ listed: 1, allowDowntime: true }))).toEqual([]);
    expect(codes(size({ listed: 1, strategy: 'BLUE_GREEN' }))).toEqual([]);
    expect(codes(size({ listed: 2, maxUnavailablePercentage: 50 }))).toEqual([]);
  });

  it('may leave none of those serving that are taken, while others serve on', () => {
    const half = { listed: 2, maxUnavailablePercentage: 100 };
    expect(codes(size({ ...half, totalInstances: 1 }))).toEqual([]);
    expect(codes(size({ ...half, totalInstances: 2 }))).toEqual(['NOTHING_WOULD_SERVE']);
  });

  it('must be the whole set where the whole set is replaced', () => {
    const blueGreen = { strategy: 'BLUE_GREEN' } as const;
    expect(codes(size({ ...blueGreen, totalInstances: 9 }))).toEqual(['NOT_THE_WHOLE_SET']);
    expect(codes(size({ ...blueGreen, totalInstances: 10 }))).toEqual([]);
    expect(codes(size({ strategy: 'RECREATE', totalInstances: 9 }))).toEqual([]);
  });

  it('warns of a threshold the room never lets it reach', () => {
    expect(size({ failureThreshold: 2 }).warnings).toEqual([]);
    expect(size({ failureThreshold: 3 }).warnings.map((one) => one.code)).toEqual([
      'THRESHOLD_OUT_OF_REACH',
    ]);
  });
});
