import type { MetricRegistry } from '#observability/metric-registry.js';
import type { RunnerEvents } from './rollback.runner.js';

const OUTCOMES = { DECIDED: 'decided', ABSORBED: 'absorbed', IMPOSSIBLE: 'misplaced' } as const;
const SETTLED = { RESTORED: 'restored', LEFT_OVER: 'left over' } as const;

/** Counts what became of inputs, and the instances that a rollback is done with. */
export function countDecisions(metrics: MetricRegistry): RunnerEvents['decided'] {
  return (input, decision) => {
    metrics.count('inputs', { input: input.type, outcome: OUTCOMES[decision.kind] });
    if (decision.kind !== 'DECIDED') return;
    for (const { to, select } of decision.moves) {
      if (to !== 'RESTORED' && to !== 'LEFT_OVER') continue;
      const count = select.by === 'NEXT' ? select.count : select.indices.length;
      metrics.count('rollbackInstances', { outcome: SETTLED[to] }, count);
    }
  };
}
