/** What must have held, seen from outside: the progress topic, the target's history, the rows. */
import {
  isTerminal,
  type Execution,
  type ExecutionStatus,
  type InstanceStatus,
} from '#core/execution/execution.js';
import { checkInvariants } from '#core/execution/invariants.js';
import { ProgressEvent } from '#contracts/progress.messages.js';
import { deadLetterTopic, TOPICS } from '#contracts/topics.js';
import type { StoredInstance } from '../../apps/orchestrator/src/persistence/execution.store.js';
import type { SimulatedWorld } from './simulated-world.js';
import { checkActions, checkTimers, checkWatches } from './end-checkers.js';
import { checkBegunOnce, checkInstances, checkSets } from './target-checkers.js';
import type { Upgrade } from './upgrades.js';

/** Checks everything once all is over. Answers what was wrong, a sentence each. */
export async function checkAll(world: SimulatedWorld): Promise<string[]> {
  world.adopt();
  const problems = [...world.problems, ...world.rooms.problems, ...world.rooms.fences.problems];
  const all = progressByExecution(world, problems);
  for (const upgrade of world.upgrades) {
    const { id } = upgrade.create;
    const execution = world.execution(id);
    const events = all.get(id) ?? [];
    const instances = await world.store().instances(id, ALL_INSTANCES);
    problems.push(...checkInvariants(execution).map((problem) => `I6: ${problem}`));
    problems.push(...checkProgress(execution, events));
    problems.push(...checkTransitions(events));
    problems.push(...checkNothingBegun(events));
    problems.push(...(await checkBegunOnce(world, upgrade)));
    problems.push(...checkBooks(execution, instances));
    problems.push(...checkInbox(world, id));
    problems.push(...checkWatches(world, id));
    if (!isLast(world, upgrade)) continue;
    problems.push(...(await checkInstances(world, upgrade, execution, instances)));
    problems.push(...(await checkSets(world, upgrade, execution)));
  }
  problems.push(...checkTimers(world), ...checkActions(world), ...checkDeadLetters(world));
  return problems;
}

/** Whatever an earlier one says of the fleet, this one has had it since. */
function isLast({ upgrades }: SimulatedWorld, { fleet, create }: Upgrade): boolean {
  return upgrades.findLast((one) => one.fleet === fleet)?.create.id === create.id;
}

const ALL_INSTANCES = { statuses: null, afterIndex: -1, limit: 10_000 };

/** First occurrences in the order of the topic; what comes twice must be the same to the byte. */
function progressByExecution(
  world: SimulatedWorld,
  problems: string[],
): Map<string, ProgressEvent[]> {
  const seen = new Map<string, string>();
  const events = new Map<string, ProgressEvent[]>();
  for (const { value, key } of world.bus.contents(TOPICS.progress)) {
    const text = value?.toString() ?? '';
    const event = ProgressEvent.parse(JSON.parse(text));
    const before = seen.get(event.id);
    if (before !== undefined) {
      if (before !== text) problems.push(`I2: two different events are called ${event.id}`);
      continue;
    }
    seen.set(event.id, text);
    if (key !== event.data.executionId) problems.push(`I3: ${event.id} has the key ${String(key)}`);
    const ofExecution = events.get(event.data.executionId) ?? [];
    events.set(event.data.executionId, [...ofExecution, event]);
  }
  return events;
}

/** I2, I3: 1, 2, 3… without a gap, in order, up to what the execution counts. */
function checkProgress({ id, sequence }: Execution, events: readonly ProgressEvent[]): string[] {
  const numbers = events.map((event) => event.data.sequence);
  const wrong = numbers.findIndex((number, at) => number !== at + 1);
  if (wrong >= 0) {
    return [`I3: ${id}: event ${String(numbers[wrong])} comes where ${String(wrong + 1)} belongs`];
  }
  if (numbers.length === sequence) return [];
  return [`I2: ${id}: ${String(numbers.length)} of ${String(sequence)} events were told`];
}

const EXECUTION_STEPS: Readonly<Record<ExecutionStatus, readonly ExecutionStatus[]>> = {
  PENDING: ['VALIDATING', 'CANCELLED'],
  VALIDATING: ['CANARY_RUNNING', 'IN_PROGRESS', 'FAILED', 'CANCELLED'],
  IN_PROGRESS: ['PAUSED', 'COMPLETED', 'FAILED', 'ROLLING_BACK', 'CANCELLED'],
  CANARY_RUNNING: ['CANARY_MONITORING', 'PAUSED', 'FAILED', 'ROLLING_BACK', 'CANCELLED'],
  CANARY_MONITORING: ['IN_PROGRESS', 'ROLLING_BACK', 'CANCELLED'],
  PAUSED: ['IN_PROGRESS', 'CANARY_RUNNING', 'ROLLING_BACK', 'FAILED', 'CANCELLED'],
  ROLLING_BACK: ['ROLLED_BACK', 'FAILED', 'CANCELLED'],
  ROLLED_BACK: [],
  COMPLETED: [],
  FAILED: [],
  CANCELLED: [],
};

const INSTANCE_STEPS: Readonly<Record<InstanceStatus, readonly InstanceStatus[]>> = {
  PENDING: ['DRAINING', 'UPGRADING', 'FAILED'],
  DRAINING: ['UPGRADING', 'FAILED', 'ROLLED_BACK'],
  UPGRADING: ['HEALTH_CHECKING', 'FAILED', 'ROLLED_BACK'],
  HEALTH_CHECKING: ['COMPLETED', 'FAILED', 'ROLLED_BACK'],
  COMPLETED: ['ROLLED_BACK'],
  FAILED: ['DRAINING', 'UPGRADING', 'ROLLED_BACK'],
  ROLLED_BACK: [],
};

/** I6: written down a second time, from the spec and not from the table. */
function checkTransitions(events: readonly ProgressEvent[]): string[] {
  const problems: string[] = [];
  const standing = new Map<string, InstanceStatus>();
  let status: ExecutionStatus | null = null;
  for (const { id, data } of events) {
    if ('previousStatus' in data) {
      if (data.previousStatus !== status) problems.push(`I6: ${id}: came from another status`);
      const allowed: readonly ExecutionStatus[] =
        status === null ? ['PENDING'] : EXECUTION_STEPS[status];
      const to = data.executionStatus;
      if (!allowed.includes(to)) problems.push(`I6: ${id}: ${String(status)} → ${to}`);
      status = to;
    } else if ('instanceId' in data) {
      const { instanceId, previousInstanceStatus: from, instanceStatus: to } = data;
      const stood = standing.get(instanceId) ?? 'PENDING';
      if (stood !== from) problems.push(`I6: ${id}: ${instanceId} stood in ${stood}, not ${from}`);
      if (!INSTANCE_STEPS[from].includes(to)) problems.push(`I6: ${id}: ${from} → ${to}`);
      standing.set(instanceId, to);
    }
  }
  return problems;
}

/**
 * I10: once it is said that it is paused, or stops, or has ended, nothing new is begun on any
 * instance; what is under way may end.
 */
export function checkNothingBegun(events: readonly ProgressEvent[]): string[] {
  let isStopped = false;
  const problems: string[] = [];
  for (const { id, data } of events) {
    if ('note' in data && data.note === 'STOPPING') isStopped = true;
    const isStill = isStopped || data.executionStatus === 'PAUSED';
    if (isStill && 'instanceId' in data && isBegun(data)) {
      const since = isStopped ? 'the stop' : 'the pause';
      problems.push(`I10: ${id} begins ${data.instanceId} after ${since}`);
    }
    if (isTerminal(data.executionStatus)) isStopped = true;
  }
  return problems;
}

function isBegun({
  previousInstanceStatus: from,
  instanceStatus: to,
}: InstanceEvent['data']): boolean {
  const begins = to === 'DRAINING' || to === 'UPGRADING';
  return begins && (from === 'PENDING' || from === 'FAILED');
}

type InstanceEvent = Extract<ProgressEvent, { data: { instanceId: string } }>;

/** The counters say what the instances' own rows say. */
function checkBooks({ counters, id }: Execution, instances: readonly StoredInstance[]): string[] {
  return Object.entries(counters).flatMap(([status, counted]) => {
    const stand = instances.filter((one) => one.status === status).length;
    return stand === counted
      ? []
      : [`I6: ${id}: ${String(counted)} ${status}, ${String(stand)} are`];
  });
}

/** I2: an answer is judged once, however often it is sent and delivered. */
function checkInbox(world: SimulatedWorld, executionId: string): string[] {
  const ids = new Set<string>();
  for (const topic of [TOPICS.validatorResults, TOPICS.canaryResults, TOPICS.rollbackResults]) {
    for (const { key, value } of world.bus.contents(topic)) {
      if (key !== executionId) continue;
      ids.add((JSON.parse(value?.toString() ?? '{}') as { id: string }).id);
    }
  }
  const judged = (world.answersJudged.get(executionId) ?? 0) - world.answersMadeUp;
  if (judged <= ids.size) return [];
  return [`I2: ${String(ids.size)} answers were judged ${String(judged)} times`];
}

/** Whatever goes wrong around them, no message of ours is one that cannot be read or handled. */
function checkDeadLetters(world: SimulatedWorld): string[] {
  return Object.values(TOPICS).flatMap((topic) =>
    world.bus.contents(deadLetterTopic(topic)).map((letter) => {
      return `a dead letter beside ${topic}: ${letter.value?.toString().slice(0, 300) ?? ''}`;
    }),
  );
}
