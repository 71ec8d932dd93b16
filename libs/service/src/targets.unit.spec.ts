import { expect, it } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import type { ServiceGround } from './service-process.js';
import { openTargets } from './targets.js';

it.each([false, true])(
  'agents at link-local addresses are called where the operator says so: %p',
  async (isAllowed) => {
    const ends: (() => Promise<void>)[] = [];
    const config = { DATABASE_URL: 'postgres://nowhere', EGRESS_LINK_LOCAL: isAllowed };
    const shutdown = { at: (_: string, __: string, end: () => Promise<void>) => ends.push(end) };
    const ground = { clock: new SteppedClock(), config, shutdown } as unknown as ServiceGround;
    const { drivers } = openTargets(ground);
    const settings = { url: 'http://169.254.169.254/', component: 'api' };
    const check = (): void => {
      drivers.check({ driver: 'agent', settings });
    };
    if (isAllowed) expect(check).not.toThrow();
    else expect(check).toThrow();
    await Promise.all(ends.map((end) => end()));
  },
);
