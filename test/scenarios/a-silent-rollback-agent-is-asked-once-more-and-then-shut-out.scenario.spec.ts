import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('a silent rollback agent is asked once more and then shut out', async () => {
  const scenario = await new Scenario({ plan: { batchSize: 1 } }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  scenario.world.down('rollback-agent');
  await scenario.act('ROLLBACK');
  await scenario.untilRow('rollback-silent');
  const { clock, fleets } = scenario.world;
  const done = await fleets.history(scenario.upgrade.fleet);
  // It comes back too late, finds both questions, and behind them the word to stop.
  scenario.world.up('rollback-agent');
  const execution = await scenario.end('rollback-silent-once', 'rollback-silent');
  expect(execution).toMatchObject({ status: 'FAILED', handOver: 3 });
  await clock.pass(600_000);
  expect(await fleets.history(scenario.upgrade.fleet)).toEqual(done);
});

it('an agent that was only asleep goes on when it is asked once more', async () => {
  const scenario = await new Scenario({ plan: { batchSize: 1 } }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  scenario.world.down('rollback-agent');
  await scenario.act('ROLLBACK');
  await scenario.untilRow('rollback-silent-once');
  scenario.world.up('rollback-agent');
  const execution = await scenario.end('rollback-silent-once', 'rolled-back');
  expect(execution.status).toBe('ROLLED_BACK');
});
