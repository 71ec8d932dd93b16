import { describe, expect, it } from '@jest/globals';
import { PREVIEW_LIMITS } from '#core/limits.js';
import { examine, type ValidationQuestion } from '#core/validation/examination.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { TargetUnreachableError, type TargetDriver } from '#targets/target.driver.js';
import { PreviewProbe } from './preview.probe.js';

const question = {
  ...{ strategy: 'ROLLING', stateless: true, maxUnavailablePercentage: 50, requires: {} },
  ...{ expectedInstances: null, installedComponents: {}, smokeTests: [], skipChecks: [], pages: 1 },
} as unknown as ValidationQuestion;
const HEALTH = examine('HEALTH_ENDPOINTS', question);
const ROOM = examine('RESOURCE_AVAILABILITY', question);

const room = () => Promise.resolve({ listed: 2, down: 0, spare: 0 });
const up = { version: '1.0.0', admitted: true, healthy: true, problem: null };
const page = (id: string, nextCursor: string | null = null) =>
  Promise.resolve({ instances: [{ id, ...up }], nextCursor });
const never = () => new Promise<never>(() => undefined);

function probing(list: TargetDriver['list']) {
  const clock = new SteppedClock();
  const driver = { room, list } as unknown as TargetDriver;
  return { clock, probe: new PreviewProbe(driver, clock) };
}

describe('looking at a target for a preview', () => {
  it('gives up on what hangs at its limit, and keeps what was seen', async () => {
    const { clock, probe } = probing(never);
    const looking = probe.look([HEALTH, ROOM]);
    while (clock.sleeping < 1) await Promise.resolve();
    await clock.advance(PREVIEW_LIMITS.looksTimeoutMs);
    const { examined, instances } = await looking;
    expect(instances).toBeNull();
    expect(examined).toMatchObject([
      { judgement: null, trouble: 'nothing was seen in time', durationMs: 10_000 },
      { judgement: { outcome: 'PASSED' }, durationMs: 0 },
    ]);
  });

  it('reads each page once, whoever wants it', async () => {
    const asked: (string | undefined)[] = [];
    const { clock, probe } = probing(({ cursor }) => {
      asked.push(cursor);
      return cursor === undefined ? page('i-0', 'next') : page('i-1');
    });
    const { examined, instances } = await probe.look([HEALTH, HEALTH]);
    expect(asked).toEqual([undefined, 'next']);
    expect(instances?.map(({ id }) => id)).toEqual(['i-0', 'i-1']);
    expect(examined.map(({ judgement }) => judgement?.outcome)).toEqual(['PASSED', 'PASSED']);
    expect(clock.sleeping).toBe(0);
  });

  it('reads no more pages than a request may', async () => {
    let pages = 0;
    const { probe } = probing(() => page('i-0', String((pages += 1))));
    const { examined, instances } = await probe.look([HEALTH]);
    expect(pages).toBe(PREVIEW_LIMITS.pagesMax);
    expect(instances).toBeNull();
    expect(examined).toMatchObject([{ judgement: null }]);
    expect(examined[0]?.trouble).toContain('10000 instances at most');
  });

  it('asks again for a page that was not answered', async () => {
    let asked = 0;
    const { clock, probe } = probing(() => {
      asked += 1;
      return asked === 1 ? Promise.reject(new TargetUnreachableError('away')) : page('i-0');
    });
    const looking = probe.look([HEALTH]);
    while (clock.sleeping < 2) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1_000);
    const { examined } = await looking;
    expect(examined).toMatchObject([{ judgement: { outcome: 'PASSED' } }]);
  });
});
