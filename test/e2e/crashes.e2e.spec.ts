import { describe, expect, it } from '@jest/globals';
import type { TestedFleet, TestedProduct } from './product.js';
import { expectSound } from './soundness.js';
import { tellAtOnce, type Story } from './stories.js';

const LIMIT_MS = 120_000;

/** At once are those in which neither what all upgrades need nor their instances are taken away. */
describe('an upgrade goes on to its end, without a gap and without taking an instance twice', () => {
  const stories: Readonly<Record<string, Story>> = {
    'when the validator is killed while it checks': validatorKilled,
    'when the rollback agent is killed while it takes instances back': rollbackAgentKilled,
  };
  const product = tellAtOnce(stories, {});

  it(
    'when the orchestrator is killed in the middle of a batch',
    async () => {
      const tested = product();
      const fleet = await tested.newFleet();
      const upgrade = await tested.upgrade(fleet, '1.1.0');
      await upgrade.untilSome('UPGRADING');
      await tested.product.services.orchestrator.kill9();
      expect(await upgrade.untilEnded()).toBe('COMPLETED');
      await expectSound(tested, upgrade, fleet);
    },
    LIMIT_MS,
  );

  it(
    'when the fleet agent is killed while it exchanges an instance, and nobody outside notices',
    async () => {
      const tested = product();
      const fleet = await tested.newFleet();
      const load = tested.load(fleet);
      const upgrade = await tested.upgrade(fleet, '1.1.0');
      await upgrade.untilSome('UPGRADING');
      await tested.product.services['fleet-agent'].kill9();
      expect(await upgrade.untilEnded()).toBe('COMPLETED');
      const { dropped, problems, byVersion } = await load.stop();
      expect(problems).toEqual([]);
      expect(dropped).toBe(0);
      expect(byVersion['1.1.0']).toBeGreaterThan(0);
      await expectSound(tested, upgrade, fleet);
    },
    LIMIT_MS,
  );

  it(
    'when all services but the agent are killed at once',
    async () => {
      const tested = product();
      const fleet = await tested.newFleet();
      const upgrade = await tested.upgrade(fleet, '1.1.0');
      await upgrade.untilSome('COMPLETED');
      const { orchestrator, validator, 'rollback-agent': rollbackAgent } = tested.product.services;
      await Promise.all([orchestrator, validator, rollbackAgent].map((each) => each.kill9()));
      expect(await upgrade.untilEnded()).toBe('COMPLETED');
      await expectSound(tested, upgrade, fleet);
    },
    LIMIT_MS,
  );

  it(
    'when the orchestrator is asked to end in the middle of a batch and comes back later',
    async () => {
      const tested = product();
      const fleet = await tested.newFleet();
      const upgrade = await tested.upgrade(fleet, '1.1.0');
      await upgrade.untilSome('UPGRADING');
      const { orchestrator } = tested.product.services;
      const beganMs = performance.now();
      await orchestrator.stop();
      // In order: well before the limit at which its supervisor would have killed it.
      expect(performance.now() - beganMs).toBeLessThan(10_000);
      await orchestrator.start();
      expect(await upgrade.untilEnded()).toBe('COMPLETED');
      await expectSound(tested, upgrade, fleet);
    },
    LIMIT_MS,
  );
});

async function validatorKilled(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const { validator } = tested.product.services;
  const upgrade = await tested.upgrade(fleet, '1.1.0');
  await validator.kill9();
  await upgrade.untilSome('COMPLETED', 3);
  await validator.kill9();
  expect(await upgrade.untilEnded()).toBe('COMPLETED');
  await expectSound(tested, upgrade, fleet);
}

async function rollbackAgentKilled(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const upgrade = await tested.upgrade(fleet, '1.3.0', { healthCheckTimeoutSeconds: 1 });
  await upgrade.untilStatus('ROLLING_BACK');
  await tested.product.services['rollback-agent'].kill9();
  expect(await upgrade.untilEnded()).toBe('ROLLED_BACK');
  await expectSound(tested, upgrade, fleet);
}
