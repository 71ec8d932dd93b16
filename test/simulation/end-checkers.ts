/** What must not be left behind, and what must have been said, once an execution has ended. */
import { isTerminal } from '#core/execution/execution.js';
import { TOPICS } from '#contracts/topics.js';
import { DUE_WORK } from '#postgres/memory-tx.js';
import type { Timer } from '#postgres/service-database.js';
import type { CanaryWatch } from '#core/canary/canary-watch.js';
import type { RecordedAction } from '../../apps/orchestrator/src/persistence/execution.store.js';
import { TIDYING } from '../../apps/orchestrator/src/tidying.runner.js';
import type { SimulatedWorld } from './simulated-world.js';

export function armedTimers(world: SimulatedWorld): Timer[] {
  const { rows } = world.database('orchestrator').store.table(DUE_WORK);
  return [...rows.values()] as Timer[];
}

/** What is tidied up afterwards outlives its execution, and nothing else does. */
export function isTidying(kind: string): boolean {
  return (TIDYING as readonly string[]).includes(kind);
}

export function checkTimers(world: SimulatedWorld): string[] {
  const left = armedTimers(world).filter(({ subject, kind }) => {
    return !isTidying(kind) && isTerminal(world.execution(subject).status);
  });
  return left.map(({ subject, kind }) => `I15: ${subject} has ended and has a timer ${kind}`);
}

/** Executions whose canaries are being watched. */
export function openWatches(world: SimulatedWorld): string[] {
  const { rows } = world.database('canary-monitor').store.table('watches');
  return [...rows.values()].flatMap((row) => {
    const { state, executionId } = (row as { watch: CanaryWatch }).watch;
    return state === 'RUNNING' || state === 'GATHERING' ? [executionId] : [];
  });
}

/** A watch ends with CANARY_MONITORING: the last word about it is END, and nobody watches on. */
export function checkWatches(world: SimulatedWorld, executionId: string): string[] {
  const problems: string[] = [];
  let last = 'END';
  for (const { key, value } of world.bus.contents(TOPICS.canaryCommands)) {
    if (key !== executionId) continue;
    const { data } = JSON.parse(value?.toString() ?? '{}') as { data: { kind: string } };
    last = data.kind;
  }
  if (last !== 'END') problems.push(`I15: ${executionId}: its watch was never ended`);
  if (openWatches(world).includes(executionId)) {
    problems.push(`I15: ${executionId} has ended and is still watched`);
  }
  return problems;
}

/** I13: whatever was accepted is recorded; more may be, whose answer was lost. */
export function checkActions(world: SimulatedWorld): string[] {
  const { rows } = world.database('orchestrator').store.table('actions');
  const recorded = new Map<string, number>();
  for (const row of rows.values()) {
    const { executionId, action } = row as RecordedAction;
    const key = `${executionId} ${action}`;
    recorded.set(key, (recorded.get(key) ?? 0) + 1);
  }
  return [...world.people.accepted].flatMap(([key, times]) => {
    const found = recorded.get(key) ?? 0;
    return found >= times
      ? []
      : [`I13: ${key} was accepted ${String(times)} times, recorded ${String(found)}`];
  });
}
