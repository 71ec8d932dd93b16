import { describe, expect, it } from '@jest/globals';
import { identityOf, isAlive } from '../src/processes/process-identity.probe.js';

describe('a process', () => {
  it('is known by its id and its start, of which the id alone says nothing', async () => {
    const own = await identityOf(process.pid);
    if (own === null) throw new Error('this process has no identity');
    expect(await isAlive(own)).toBe(true);
    expect(await isAlive({ ...own, startedAt: `1${own.startedAt}` })).toBe(false);
    expect(await isAlive({ pid: process.ppid, startedAt: own.startedAt })).toBe(false);
  });

  it.each([0, -1, 1.5])('with the id %d is none', async (pid) => {
    expect(await identityOf(pid)).toBeNull();
  });
});
