/** Commands to the other services, as the finished messages that stand in the outbox. */
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { OutgoingMessage } from '#postgres/service-database.js';
import type { Execution, PlannedVersion } from '#core/execution/execution.js';
import { envelope, SOURCES } from '#contracts/envelope.js';
import { TOPICS } from '#contracts/topics.js';
import {
  ROLL_BACK_TYPE,
  VALIDATE_TYPE,
  WATCH_TYPE,
  type RollbackCommand,
  type ValidateCommand,
  type WatchCommand,
  type WorkSnapshot,
} from '#contracts/work.messages.js';

type ValidateData = ValidateCommand['data'];

/** What of an execution its commands are made of. */
export interface Commanded extends Pick<
  ValidateData,
  'compatibility' | 'skipChecks' | 'installedComponents' | 'requires' | 'smokeTests'
> {
  readonly execution: Execution;
  readonly snapshot: WorkSnapshot;
  readonly canaryMetrics: WatchCommand['data']['metrics'];
}

/** One page of work, and under which hand-over. */
export type Work = Pick<ValidateCommand['data'], 'page' | 'pages' | 'instances'> & {
  readonly handOver: number;
};

/** `takesAll`, of POST: no listed instance was left out at the start; left out: some may have been. */
type ValidateAsked = Pick<ValidateData, 'kind'> & Partial<Pick<ValidateData, 'takesAll'>>;

export function validateMessage(
  stored: Commanded,
  { kind, handOver, takesAll = false, ...page }: Work & ValidateAsked,
): OutgoingMessage {
  const { execution, snapshot, compatibility, skipChecks, installedComponents, requires } = stored;
  const areTried = kind === 'POST' && page.page === 1;
  const data: ValidateCommand['data'] = {
    ...workOf(stored, kind, handOver, page.page),
    ...page,
    snapshot,
    kind,
    expectedInstances: kind === 'PRE' ? execution.plan.totalInstances : execution.total,
    takesAll,
    compatibility,
    skipChecks,
    installedComponents,
    requires,
    smokeTests: areTried ? stored.smokeTests : [],
  };
  return message(stored, TOPICS.validatorCommands, VALIDATE_TYPE, data);
}

export function watchMessage(
  stored: Commanded,
  { kind, handOver, ...page }: Work & { kind: 'WATCH' | 'END' },
): OutgoingMessage {
  const { execution, snapshot, canaryMetrics: metrics } = stored;
  const data: WatchCommand['data'] = {
    ...workOf(stored, kind, handOver, page.page),
    ...page,
    snapshot,
    kind,
    beganAtMs: execution.canary?.beganAtMs ?? execution.lastProgressAtMs,
    durationSeconds: execution.plan.canaryDurationSeconds,
    metrics,
  };
  return message(stored, TOPICS.canaryCommands, WATCH_TYPE, data);
}

export function rollbackMessage(
  stored: Commanded,
  { kind, handOver, ...page }: Work & { kind: 'ROLL_BACK' | 'STOP' },
  versions: readonly PlannedVersion[] = [],
): OutgoingMessage {
  const { execution, snapshot } = stored;
  const data: RollbackCommand['data'] = {
    ...workOf(stored, kind, handOver, page.page),
    ...page,
    snapshot,
    kind,
    sets: kind === 'STOP' ? null : setsBack(execution),
    listed: execution.listed,
    versions: [...versions],
  };
  return message(stored, TOPICS.rollbackCommands, ROLL_BACK_TYPE, data);
}

/** BLUE_GREEN: traffic back to the set it came from, and the new one goes. */
function setsBack({ newSet }: Execution): RollbackCommand['data']['sets'] {
  return newSet === null ? null : { switchTo: newSet.previous, retire: newSet.name };
}

/** A repeated question is a new message: its id carries the revision that asked. */
function workOf({ execution }: Commanded, kind: string, handOver: number, page: number) {
  const commandId = [execution.id, kind, handOver, page, execution.revision].join('/');
  return { executionId: execution.id, commandId, fence: { handOver } };
}

function message(
  { execution }: Commanded,
  topic: string,
  type: string,
  data: { readonly commandId: string },
): OutgoingMessage {
  const { id: subject, lastProgressAtMs: timeMs } = execution;
  const head = { id: data.commandId, source: SOURCES.orchestrator, type, subject, timeMs };
  const value = JSON.stringify(envelope(head, data));
  return { shard: shardOf(subject, SHARDS), topic, key: subject, value };
}
