import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';
import { TO } from '../simulation/registered.js';

async function untouched(scenario: Scenario, ...hits: readonly string[]) {
  const execution = await scenario.end(...hits);
  expect(execution.status).toBe('FAILED');
  expect(await scenario.world.fleets.history(scenario.upgrade.fleet)).toEqual([]);
  return execution;
}

it('a target that cannot be listed', async () => {
  const scenario = await new Scenario({ faults: [{ on: 'LIST', how: 'FAIL' }] }).begin();
  const execution = await untouched(scenario, 'listing-failed');
  expect(execution.failureReason).toContain('instances could not be listed');
});

it('a fleet that is on the target version already', async () => {
  const scenario = await new Scenario({ runs: TO.version }).begin();
  const execution = await untouched(scenario, 'nothing-to-take');
  expect(execution.failureReason).toContain('all 4 instances are on the target version');
});

it('an instance that is down before it begins', async () => {
  const faults = [{ instance: 1, on: 'LIST', how: 'FAIL' }] as const;
  const scenario = await new Scenario({ instances: 2, faults }).begin();
  const execution = await untouched(scenario, 'pre-checks-failed');
  expect(execution.failureReason).toContain('HEALTH_ENDPOINTS');
});

it('a validator that is silent past the deadline', async () => {
  const scenario = await new Scenario().begin('validator');
  const execution = await untouched(scenario, 'validation-silent');
  expect(execution.failureReason).toContain('silent past their deadline');
});
