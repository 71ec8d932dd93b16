import { expect, it } from '@jest/globals';
import type { ExecutionPlan } from '#core/execution/execution.js';
import { Scenario } from './scenario.js';

const HOUR_MS = 3_600_000;

async function reminders(scenario: Scenario): Promise<(string | null)[]> {
  const events = await scenario.world.store().events(scenario.id, 0, 1_000);
  return events.flatMap(({ data }) =>
    'note' in data && data.note === 'REMINDER' ? [data.waitingFor] : [],
  );
}

const WAITING: readonly (readonly [string, Partial<ExecutionPlan>, string])[] = [
  ['APPROVAL', { strategy: 'STAGED', batchSize: 2, maxUnavailablePercentage: 50 }, 'stage-settled'],
  ['PROMOTION', { strategy: 'CANARY' }, 'canaries-completed'],
];

it.each(WAITING)('%s is waited for, and a reminder sent each hour', async (kind, plan, row) => {
  const scenario = await new Scenario({ plan }).begin();
  await scenario.untilRow(row);
  await scenario.away(HOUR_MS);
  await scenario.away(HOUR_MS);
  expect(await reminders(scenario)).toEqual([kind, kind]);
  await scenario.act(kind === 'APPROVAL' ? 'APPROVE' : 'PROMOTE_CANARY');
  await scenario.until(() => scenario.execution.status === 'COMPLETED');
  await scenario.away(2 * HOUR_MS);
  expect(await reminders(scenario)).toHaveLength(2);
  await scenario.end('reminder');
});

it('an operator who paused it is waited for as well', async () => {
  const scenario = await new Scenario().begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING > 0);
  await scenario.act('PAUSE');
  await scenario.away(HOUR_MS);
  expect(await reminders(scenario)).toEqual(['RESUME']);
  await scenario.act('RESUME');
  expect((await scenario.end('reminder')).status).toBe('COMPLETED');
});
