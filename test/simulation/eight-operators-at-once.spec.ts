import { expect, it } from '@jest/globals';
import { STRATEGY_NAMES, type StrategyName } from '#core/execution/execution.js';
import type { ActionType } from '#core/execution/execution-inputs.js';
import { SeededRandom } from '#testing/seeded-random.js';
import { NO_FAULTS } from './fault-plan.js';
import { HonestOperator } from './honest-operator.js';
import { Scenario } from '../scenarios/scenario.js';

const OPERATORS = ['olga', 'omar', 'otto', 'oona', 'odin', 'opal', 'oleg', 'orla'];
const GOING_ON: readonly ActionType[] = ['PAUSE', 'RESUME', 'APPROVE', 'PROMOTE_CANARY'];
/** Seldom, or nothing would ever get far enough to be paused twice. */
const ENDING: readonly ActionType[] = ['CANCEL', 'ROLLBACK'];
const ENDS = 0.01;
/** Of each strategy so many runs, told apart by their seeds. */
const RUNS = 4;

/** Acts at moments of its own, whatever the others do, until it has ended. */
async function meddle(scenario: Scenario, by: string, random: SeededRandom): Promise<void> {
  const { world, upgrade } = scenario;
  while (!world.hasEnded(upgrade)) {
    await world.clock.sleep(random.between(0, 1_500));
    const force = random.chance(0.2);
    const type = random.pick(random.chance(ENDS) ? ENDING : GOING_ON);
    await world.act(scenario.id, type, { by, force, reason: 'because' });
  }
}

async function played(strategy: StrategyName, seed: number): Promise<Scenario> {
  const asked = {
    ...{ instances: 6, latencyMs: 500 },
    plan: { strategy, batchSize: 1, maxUnavailablePercentage: 40, canaryDurationSeconds: 60 },
  };
  const scenario = new Scenario(asked, { seed, faults: { ...NO_FAULTS, replicas: 2 } });
  await scenario.begin();
  await scenario.untilRow('validated');
  const random = new SeededRandom(seed);
  for (const by of OPERATORS) void meddle(scenario, by, random.fork());
  void new HonestOperator(scenario.world).work();
  return scenario;
}

const runs = STRATEGY_NAMES.flatMap((strategy, at) =>
  Array.from({ length: RUNS }, (_, run) => [strategy, at * RUNS + run + 1] as const),
);

it.each(runs)('eight operators meddle with one %s upgrade (seed %d)', async (strategy, seed) => {
  const scenario = await played(strategy, seed);
  const { status } = await scenario.end();
  expect(['COMPLETED', 'CANCELLED', 'ROLLED_BACK', 'FAILED']).toContain(status);
  // Of all those that asked for the same at once, as many were accepted as the history shows.
  const events = await scenario.world.store().events(scenario.id, 0, 10_000);
  const pauses = events.filter(({ data }) => {
    const isChange = 'previousStatus' in data && data.executionStatus === 'PAUSED';
    return isChange && data.by !== null;
  });
  expect(pauses).toHaveLength(scenario.world.people.accepted.get(`${scenario.id} PAUSE`) ?? 0);
});
