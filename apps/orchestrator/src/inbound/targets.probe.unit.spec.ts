import { describe, expect, it } from '@jest/globals';
import { REQUEST_LIMITS } from '#core/limits.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { TargetUnreachableError, type TargetDrivers } from '#targets/target.driver.js';
import { TargetsProbe } from './targets.probe.js';

const target = { driver: 'agent', settings: {} };
const simulated = { declare: () => Promise.resolve(), setFaults: () => Promise.resolve() };

function probing(room: () => Promise<unknown>): { probe: TargetsProbe; clock: SteppedClock } {
  const clock = new SteppedClock();
  const drivers = { check: () => undefined, open: () => ({ room }) } as unknown as TargetDrivers;
  return { probe: new TargetsProbe(drivers, simulated, clock), clock };
}

describe('counting the instances of a target', () => {
  it('gives up on a driver that heeds no signal', async () => {
    const { probe, clock } = probing(() => new Promise(() => undefined));
    const counted = probe.count(target);
    const refused = expect(counted).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
      status: 503,
      headers: { 'retry-after': '5' },
    });
    await clock.advance(REQUEST_LIMITS.countTimeoutMs);
    await refused;
  });

  it('leaves no timer behind when it was answered', async () => {
    const { probe, clock } = probing(() => Promise.resolve({ listed: 7, down: 0, spare: 0 }));
    expect(await probe.count(target)).toBe(7);
    expect(clock.sleeping).toBe(0);
  });

  it('does not pass on what a driver says, which may hold addresses', async () => {
    const { probe } = probing(() => Promise.reject(new TargetUnreachableError('10.0.0.7 is down')));
    const failed = await probe.count(target).catch((error: unknown) => error);
    expect(JSON.stringify(failed) + String(failed)).not.toContain('10.0.0.7');
  });
});
