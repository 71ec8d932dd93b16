import { expect, test } from '@jest/globals';
import type { RollbackMove } from '#core/rollback/rollback.js';
import { MetricRegistry } from '#observability/metric-registry.js';
import { countDecisions } from './decision-metrics.js';

test('instances are counted as they settle, and only those', async () => {
  const metrics = new MetricRegistry('rollback-agent');
  const move = (to: RollbackMove['to'], count: number): RollbackMove => {
    const select = { by: 'NEXT', count } as const;
    return { select, from: 'UP', to, begins: false, reason: null, settledFrom: null };
  };
  const moves = [move('RESTORED', 3), move('LEFT_OVER', 2), move('DRAINING', 5)];
  countDecisions(metrics)(
    { type: 'TIME_PASSED' },
    { kind: 'DECIDED', next: {} as never, moves, says: [], storesPage: false, stopsOlder: false },
  );
  const text = await metrics.text();
  expect(text).toMatch(/upgrade_rollback_instances_total\{.*outcome="restored".*\} 3/);
  expect(text).toMatch(/upgrade_rollback_instances_total\{.*outcome="left over".*\} 2/);
});
