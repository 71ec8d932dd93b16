import type { MetricRegistry } from '#observability/metric-registry.js';
import type { RunnerEvents } from './validation.runner.js';

const OUTCOMES = { DECIDED: 'decided', ABSORBED: 'absorbed', IMPOSSIBLE: 'misplaced' } as const;

/** Counts what became of inputs, and the checks that ended with how long they took. */
export function countDecisions(metrics: MetricRegistry): RunnerEvents['decided'] {
  return (input, { kind }) => {
    metrics.count('inputs', { input: input.type, outcome: OUTCOMES[kind] });
    if (input.type !== 'CHECKS_ENDED' || kind !== 'DECIDED') return;
    for (const { check, outcome, durationMs } of input.checks) {
      metrics.observe('checks', { check, result: outcome }, durationMs / 1_000);
    }
  };
}
