import { describe, expect, it } from '@jest/globals';
import { REQUEST_LIMITS } from '#core/limits.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { AgentTargets } from '#targets/agent-targets.js';
import { RegisteredDrivers } from '#targets/target-drivers.js';
import { TargetUnreachableError, type TargetDrivers } from '#targets/target.driver.js';
import { TargetsProbe } from './targets.probe.js';

const target = { driver: 'agent', settings: {} };
const simulated = { declare: () => Promise.resolve(), setFaults: () => Promise.resolve() };

const capabilities = () => Promise.resolve({ sets: true });

type Counting = (except: readonly string[], signal: AbortSignal) => Promise<unknown>;

function probing(room: Counting): { probe: TargetsProbe; clock: SteppedClock } {
  const clock = new SteppedClock();
  const drivers = {
    check: () => undefined,
    open: () => ({ room, capabilities }),
  } as unknown as TargetDrivers;
  return { probe: new TargetsProbe(drivers, simulated, clock), clock };
}

describe('counting the instances of a target', () => {
  it('gives up on a driver that heeds no signal, and has told it to', async () => {
    const signals: AbortSignal[] = [];
    const { probe, clock } = probing((_, signal) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    const counted = probe.ask(target);
    const refused = expect(counted).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
      status: 503,
      headers: { 'retry-after': '5' },
    });
    await clock.advance(REQUEST_LIMITS.countTimeoutMs);
    await refused;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('leaves no timer behind when it was answered', async () => {
    const { probe, clock } = probing(() => Promise.resolve({ listed: 7, down: 0, spare: 0 }));
    expect(await probe.ask(target)).toEqual({ listed: 7, down: 0, sets: true });
    expect(clock.sleeping).toBe(0);
  });

  it('does not pass on what a driver says, which may hold addresses', async () => {
    const { probe } = probing(() => Promise.reject(new TargetUnreachableError('10.0.0.7 is down')));
    const failed = await probe.ask(target).catch((error: unknown) => error);
    expect(JSON.stringify(failed) + String(failed)).not.toContain('10.0.0.7');
  });
});

describe('a target at an address that is not called', () => {
  it.each([
    'http://169.254.169.254/',
    'http://[::ffff:169.254.169.254]/',
    'http://2852039166/',
    'https://metadata.google.internal/',
    'http://0.0.0.0:8095/',
  ])('(%s) is a 400 that names the field', (url) => {
    const agent = new AgentTargets();
    const drivers = new RegisteredDrivers({ simulated: agent, agent });
    const probe = new TargetsProbe(drivers, simulated, new SteppedClock());
    const declared = (): void => {
      probe.check({ driver: 'agent', settings: { url, component: 'api' } });
    };
    const expected = 'expected no link-local or metadata address';
    expect(declared).toThrow(
      expect.objectContaining({
        status: 400,
        extra: { errors: [{ field: 'target.settings.url', expected }] },
      }),
    );
  });
});
