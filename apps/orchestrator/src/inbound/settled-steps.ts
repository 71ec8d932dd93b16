/** What a target said of single instances, grouped as the rules take it. */
import type { SettledSteps } from '#core/execution/execution-inputs.js';
import type { StepOutcome } from '#targets/instance-steps.js';

/** Instances that ended the same step in the same way for the same reason are one group. */
export function settledSteps(outcomes: readonly StepOutcome[]): SettledSteps[] {
  const groups = new Map<string, SettledSteps & { indices: number[] }>();
  for (const { index, step, attempt, outcome, ...how } of outcomes) {
    const { failure = null, reason = null, closedConnections = 0 } = how;
    const key = [step, attempt, outcome, failure, closedConnections, reason].join('|');
    const group = groups.get(key);
    if (group !== undefined) {
      group.indices.push(index);
    } else {
      const head = { step, attempt, outcome, failure, reason, closedConnections };
      groups.set(key, { ...head, indices: [index] });
    }
  }
  for (const { indices } of groups.values()) indices.sort((a, b) => a - b);
  return [...groups.values()];
}
