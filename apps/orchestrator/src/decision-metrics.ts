import type { MetricRegistry } from '#observability/metric-registry.js';
import type { Judged } from './upgrade-asked.runner.js';

const OUTCOMES = {
  DECIDED: 'decided',
  ABSORBED: 'absorbed',
  REFUSED: 'refused',
  FORBIDDEN: 'refused',
  IMPOSSIBLE: 'misplaced',
} as const;

/** Counts what became of inputs, the rows that were taken, and the instances that moved. */
export function countDecisions(metrics: MetricRegistry): (judged: Judged) => void {
  return ({ input, kind, rows, facts }) => {
    metrics.count('inputs', { input, outcome: OUTCOMES[kind] });
    for (const row of rows) metrics.count('executionTransitions', { row });
    for (const fact of facts) {
      if (fact.type !== 'INSTANCES_MOVED') continue;
      metrics.count('instanceTransitions', { status: fact.to }, fact.count);
    }
  };
}
