import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ServiceName } from '../../tools/product/product.js';
import { startTested, until, type TestedProduct } from './product.js';
import { expectSound } from './soundness.js';

const LIMIT_MS = 180_000;
/** More than Kafka lets a message be dated ahead, and more than any deadline of a step. */
const OFF_MS = 90 * 60_000;
/** The servers' clock is the one that counts, and it is the one of this test. */
const SAME_CLOCK_MS = 1_000;

const SERVICES = ['orchestrator', 'validator', 'canary-monitor', 'rollback-agent'] as const;

describe('clocks of machines that are off by more than an hour', () => {
  const folder = mkdtempSync(join(tmpdir(), 'upgrade-clocks-'));
  const fileOf = (service: ServiceName): string => join(folder, service);
  /** For every process of the service that starts from now on. */
  const setOff = (service: ServiceName, ms: number): void => {
    writeFileSync(fileOf(service), String(ms));
  };
  const envOf = (service: ServiceName): Record<string, string> => ({
    NODE_OPTIONS: `--import=${join(import.meta.dirname, 'skewed-clock.mjs')}`,
    CLOCK_SKEW_FILE: fileOf(service),
    ...(service === 'canary-monitor' && { CANARY_INTERVAL_SECONDS: '1' }),
  });
  let tested: TestedProduct;
  let beganMs: number;

  beforeAll(async () => {
    setOff('orchestrator', 0);
    setOff('validator', OFF_MS);
    setOff('canary-monitor', -OFF_MS);
    setOff('rollback-agent', OFF_MS);
    beganMs = Date.now();
    const env = Object.fromEntries(SERVICES.map((service) => [service, envOf(service)]));
    tested = await startTested({ env });
  }, LIMIT_MS);

  afterAll(async () => {
    await tested.stop();
    rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  /** The orchestrator dies, and one whose clock is off by so much takes over. */
  const takenOverBy = async (offMs: number): Promise<void> => {
    setOff('orchestrator', offMs);
    await tested.product.services.orchestrator.kill9();
    await tested.product.services.orchestrator.ready();
  };

  /** One after the other, and all while this test ran. */
  const expectNow = (times: readonly number[]): void => {
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(beganMs - SAME_CLOCK_MS);
    expect(times.at(-1)).toBeLessThan(Date.now() + SAME_CLOCK_MS);
  };

  it(
    'time nothing out, whoever takes over in the middle of a batch and beside a watched canary',
    async () => {
      const [slow, watched] = [await tested.newFleet(), await tested.newFleet()];
      const room = { maxUnavailablePercentage: 50, healthCheckTimeoutSeconds: 30 };
      // Each of its two batches takes eight seconds: time enough to die in.
      const rolling = await tested.upgrade(slow, '1.2.0', { ...room, batchSize: 2 });
      const canary = await tested.upgrade(watched, '1.1.0', {
        ...{ ...room, strategy: 'CANARY', canaryPercentage: 25, canaryDurationSeconds: 60 },
      });
      await rolling.untilSome('UPGRADING', 2);
      await takenOverBy(OFF_MS);
      await until('the second batch is under way', () => rolling.taken.length === 4);
      await takenOverBy(-OFF_MS);
      expect(await rolling.untilEnded()).toBe('COMPLETED');
      expect(rolling.taken.filter((each) => each.endsWith('attempt 1'))).toHaveLength(4);

      await canary.untilStatus('CANARY_MONITORING');
      const samples = async () => (await canary.answer()).canary!.samples;
      await until('the canary is watched', async () => (await samples()).length >= 3);
      expectNow((await samples()).map(({ at }) => Date.parse(at)));
      await canary.act('rollback', { reason: 'enough was seen' });
      expect(await canary.untilEnded()).toBe('ROLLED_BACK');

      for (const { events } of [rolling, canary]) {
        expectNow(events.map(({ time }) => Date.parse(time)));
      }
      await expectSound(tested, rolling, slow);
      await expectSound(tested, canary, watched);
    },
    LIMIT_MS,
  );

  it('are off indeed: the services log by their own', () => {
    for (const service of ['validator', 'canary-monitor'] as const) {
      const log = readFileSync(tested.product.services[service].logFile, 'utf8');
      const [, at] = /"time":"?([^",]+)/.exec(log)!;
      const offMs = Math.abs(new Date(/^\d+$/.test(at!) ? Number(at) : at!).getTime() - beganMs);
      expect(offMs).toBeGreaterThan(OFF_MS / 2);
    }
  });
});
