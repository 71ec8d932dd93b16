/**
 * Situations of an execution that differ in what a person may do: its status, what it is stopping
 * to, why it is paused, and whether anything is under way. Several executions can be in the same.
 */
import type { Execution } from '#core/execution/execution.js';
import { anExecution, aNewSet, T0, type ExecutionBuilder } from './an-execution.js';

const BUSY = { PENDING: 4, UPGRADING: 1, COMPLETED: 1 };
const SETTLED = { PENDING: 4, COMPLETED: 2 };

const busy = anExecution().inProgress().withCounters(BUSY).withBatch(1, 2);
const between = anExecution()
  .inProgress()
  .withCounters(SETTLED)
  .withBatch(1, 2)
  .with({ nextBatchAtMs: T0 + 60_000 });
const switching = anExecution()
  .blueGreen('STANDING', { named: 6 })
  .withCounters({ COMPLETED: 6 })
  .withBatch(1, 6)
  .withSetOperation('SWITCH', { number: 2 });
const canaries = anExecution()
  .canaryRunning()
  .withPlan({ canaryPercentage: 30 })
  .withCounters(BUSY)
  .withBatch(1, 2);
const monitoring = anExecution().canaryMonitoring().withCounters(SETTLED).withBatch(1, 2);
const paused = anExecution().paused().withCounters(BUSY).withBatch(1, 2);
const stage = anExecution()
  .paused('STAGE_APPROVAL')
  .withPlan({ strategy: 'STAGED' })
  .withCounters(SETTLED)
  .withBatch(1, 2);
const back = anExecution().rollingBack().withCounters(BUSY);
const evening = monitoring.withSetOperation('WEIGH', { number: 2 }).with({ waitingFor: null });

export const SITUATIONS = {
  PENDING: [anExecution()],
  VALIDATING: [anExecution().validating().withCounters({ PENDING: 6 })],
  IN_PROGRESS: [
    busy,
    busy.withPlan({ strategy: 'RECREATE', allowDowntime: true }),
    switching,
    anExecution().blueGreen('CREATING').withCounters({ PENDING: 6 }),
  ],
  BETWEEN_BATCHES: [between],
  IN_PROGRESS_TO_CANCELLED: [busy.stopping('CANCELLED'), switching.stopping('CANCELLED')],
  IN_PROGRESS_TO_FAILED: [busy.stopping('FAILED'), switching.stopping('FAILED')],
  CANARY_RUNNING: [canaries],
  CANARY_RUNNING_TO_CANCELLED: [canaries.stopping('CANCELLED')],
  CANARY_RUNNING_TO_FAILED: [canaries.stopping('FAILED')],
  CANARY_MONITORING: [
    monitoring,
    anExecution()
      .canaryMonitoring({ verdict: 'INCONCLUSIVE' })
      .withCounters(SETTLED)
      .withBatch(1, 2),
  ],
  CANARY_UNHEALTHY: [
    anExecution().canaryMonitoring({ verdict: 'UNHEALTHY' }).withCounters(SETTLED).withBatch(1, 2),
  ],
  CANARY_MONITORING_TO_CANCELLED: [evening.stopping('CANCELLED')],
  PAUSED: [paused],
  PAUSED_BETWEEN_BATCHES: [paused.withCounters(SETTLED)],
  PAUSED_IN_CANARIES: [
    anExecution()
      .paused('OPERATOR', 'CANARY_RUNNING')
      .withPlan({ strategy: 'CANARY', canaryPercentage: 30 })
      .withCounters(BUSY)
      .withBatch(1, 2),
  ],
  PAUSED_TO_CANCELLED: [paused.with({ waitingFor: null }).stopping('CANCELLED')],
  PAUSED_FOR_APPROVAL: [stage],
  ROLLING_BACK: [
    back,
    back.withPlan({ strategy: 'BLUE_GREEN' }).with({
      newSet: aNewSet('LIVE', { named: 6 }),
      setOperations: 2,
    }),
  ],
  ROLLING_BACK_TO_CANCELLED: [back.stopping('CANCELLED')],
  COMPLETED: [anExecution().ended('COMPLETED').withCounters({ COMPLETED: 6 })],
  FAILED: [anExecution().ended('FAILED').withCounters({ PENDING: 4, FAILED: 2 })],
  CANCELLED: [anExecution().ended('CANCELLED').withCounters(SETTLED)],
  ROLLED_BACK: [anExecution().ended('ROLLED_BACK').withCounters({ PENDING: 6 })],
} satisfies Readonly<Record<string, readonly [ExecutionBuilder, ...ExecutionBuilder[]]>>;

export type Situation = keyof typeof SITUATIONS;

export const SITUATION_NAMES = Object.keys(SITUATIONS) as Situation[];

/** What people see of where it stands: its status, and what it is stopping to. */
export function standingOf(execution: Execution): string {
  const { status, stopping } = execution;
  return stopping === null ? status : `${status} → ${stopping.to}`;
}
