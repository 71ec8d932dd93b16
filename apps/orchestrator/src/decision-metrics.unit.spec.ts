import { expect, it } from '@jest/globals';
import type { Fact } from '#core/execution/execution-facts.js';
import { MetricRegistry } from '#observability/metric-registry.js';
import { countDecisions } from './decision-metrics.js';

it('inputs are counted by what became of them, rows as taken, instances by where they moved', async () => {
  const metrics = new MetricRegistry('orchestrator');
  const decided = countDecisions(metrics);
  const nothing = { executionId: 'e-1', input: 'APPROVE', rows: [], facts: [] } as const;
  for (const kind of ['REFUSED', 'FORBIDDEN', 'IMPOSSIBLE', 'ABSORBED'] as const) {
    decided({ ...nothing, kind });
  }
  const move = { type: 'INSTANCES_MOVED', from: 'DRAINING', to: 'UPGRADING', count: 3 };
  const facts = [move, { type: 'NOTED' }] as unknown as Fact[];
  decided({ ...nothing, kind: 'DECIDED', rows: ['begin-batch'], facts });
  const text = await metrics.text();
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const of = (name: string) => lines.filter((line) => line.startsWith(`upgrade_${name}_total{`));
  expect(of('inputs').map((line) => /outcome="(\w+)".* (\d+)$/.exec(line)?.slice(1))).toEqual([
    ['refused', '2'],
    ['misplaced', '1'],
    ['absorbed', '1'],
    ['decided', '1'],
  ]);
  expect(of('execution_transitions')).toEqual([expect.stringMatching(/row="begin-batch".* 1$/)]);
  expect(of('instance_transitions')).toEqual([expect.stringMatching(/status="UPGRADING".* 3$/)]);
});
