import { gridMomentMs } from '#core/canary/canary-grid.js';
import type { MetricRegistry } from '#observability/metric-registry.js';
import type { RunnerEvents } from './watch.runner.js';

const OUTCOMES = { DECIDED: 'decided', ABSORBED: 'absorbed', IMPOSSIBLE: 'misplaced' } as const;

/** Counts what became of inputs; samples with how late they began, and verdicts that changed. */
export function countDecisions(metrics: MetricRegistry): RunnerEvents['decided'] {
  return (input, decision) => {
    metrics.count('inputs', { input: input.type, outcome: OUTCOMES[decision.kind] });
    if (decision.kind !== 'DECIDED') return;
    const { next, verdictChanged } = decision;
    if (verdictChanged && next.verdict !== null) {
      metrics.count('canaryVerdicts', { verdict: next.verdict });
    }
    if (input.type !== 'SAMPLED') return;
    const lateMs = input.atMs - gridMomentMs(next, input.number);
    metrics.observe('canaryJitter', {}, Math.max(0, lateMs) / 1_000);
    const taken = next.samples.at(-1);
    if (taken !== undefined) metrics.count('canarySamples', { outcome: taken.outcome });
  };
}
