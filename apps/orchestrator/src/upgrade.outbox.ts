/** Commands to the other services, as the finished messages that stand in the outbox. */
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { OutgoingMessage } from '#postgres/service-database.js';
import type { Execution, PlannedVersion } from '#core/execution/execution.js';
import { envelope, SOURCES } from '#contracts/envelope.js';
import { TOPICS } from '#contracts/topics.js';
import {
  ROLL_BACK_TYPE,
  VALIDATE_TYPE,
  type RollbackCommand,
  type ValidateCommand,
  type WorkSnapshot,
} from '#contracts/work.messages.js';

/** What of an execution its commands are made of. */
export interface Commanded {
  readonly execution: Execution;
  readonly snapshot: WorkSnapshot;
  readonly compatibility: ValidateCommand['data']['compatibility'];
  readonly skipChecks: ValidateCommand['data']['skipChecks'];
}

/** One page of work, and under which hand-over. */
export type Work = Pick<ValidateCommand['data'], 'page' | 'pages' | 'instances'> & {
  readonly handOver: number;
};

export function validateMessage(
  stored: Commanded,
  { kind, handOver, ...page }: Work & { kind: 'PRE' | 'POST' },
): OutgoingMessage {
  const { execution, snapshot, compatibility, skipChecks } = stored;
  const data: ValidateCommand['data'] = {
    ...workOf(stored, kind, handOver, page.page),
    ...page,
    snapshot,
    kind,
    expectedInstances: kind === 'PRE' ? execution.plan.totalInstances : execution.total,
    compatibility,
    skipChecks,
  };
  return message(stored, TOPICS.validatorCommands, VALIDATE_TYPE, data);
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
    listed: execution.listed,
    versions: [...versions],
  };
  return message(stored, TOPICS.rollbackCommands, ROLL_BACK_TYPE, data);
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
