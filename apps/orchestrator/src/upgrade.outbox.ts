/** What a decision asks for, as timers and messages in the decision's own transaction. */
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { OutgoingMessage } from '#postgres/service-database.js';
import { PAGE_OF_INSTANCES } from '#core/limits.js';
import type { PlannedVersion } from '#core/execution/execution.js';
import type { Request, RequestType, TimerKind } from '#core/execution/execution-requests.js';
import { envelope, SOURCES } from '#contracts/envelope.js';
import { TOPICS } from '#contracts/topics.js';
import {
  ROLL_BACK_TYPE,
  ROLLBACK_VERSIONS_MAX,
  VALIDATE_TYPE,
  type RollbackCommand,
  type ValidateCommand,
} from '#contracts/work.messages.js';
import type {
  ExecutionTx,
  StoredExecution,
  StoredInstance,
} from './persistence/execution.store.js';

type RequestOf<Type extends RequestType> = Extract<Request, { type: Type }>;
type CarryOut = {
  readonly [Type in RequestType]: (
    tx: ExecutionTx,
    stored: StoredExecution,
    request: RequestOf<Type>,
  ) => Promise<void>;
};

/** The engine reads what it is to do from the execution itself; a commit wakes it. */
const readByEngine = (): Promise<void> => Promise.resolve();

const CARRY_OUT: CarryOut = {
  LIST_INSTANCES: readByEngine,
  COUNT_ROOM: readByEngine,
  ARM_TIMER: (tx, stored, { timer, atMs }) => tx.arm([{ ...timerKey(stored, timer), atMs }]),
  DISARM_TIMER: (tx, stored, { timer }) => tx.disarm([timerKey(stored, timer)]),
  RECORD_DEPLOYMENT: (tx, { execution }, { currentVersionId, leftOver }) =>
    tx.recordDeployment({ execution, currentVersionId, leftOver }),
  RUN_PRE_CHECKS: (tx, stored, { handOver }) =>
    tx.send([validateMessage(stored, { kind: 'PRE', handOver, page: 1, pages: 1, instances: [] })]),
  RUN_POST_CHECKS: async (tx, stored, { handOver }) => {
    const pages = await pagesOf(tx, stored, false);
    const version = stored.execution.plan.to.version;
    for (const [at, instances] of pages.entries()) {
      const work = instances.map(({ index, instanceId: id }) => ({ index, id, version }));
      const page = { page: at + 1, pages: pages.length, instances: work };
      await tx.send([validateMessage(stored, { kind: 'POST', handOver, ...page })]);
    }
  },
  ROLL_BACK: async (tx, stored, { handOver }) => {
    const pages = await pagesOf(tx, stored, true);
    const versions = await versionsBack(tx, stored, pages);
    for (const [at, instances] of pages.entries()) {
      const work = instances.map(({ index, instanceId: id, fromVersion: version }) => {
        return { index, id, version };
      });
      const page = { page: at + 1, pages: pages.length, instances: work };
      await tx.send([rollbackMessage(stored, { kind: 'ROLL_BACK', handOver, ...page }, versions)]);
    }
  },
  STOP_ROLLBACK: (tx, stored, { handOver }) =>
    tx.send([
      rollbackMessage(stored, { kind: 'STOP', handOver, page: 1, pages: 1, instances: [] }),
    ]),
};

/** Carries out what was asked for, in order; of several words about one timer the last counts. */
export async function carryOut(
  tx: ExecutionTx,
  stored: StoredExecution,
  requests: readonly Request[],
): Promise<void> {
  const lastOfTimer = new Map<TimerKind, Request>();
  for (const request of requests) if ('timer' in request) lastOfTimer.set(request.timer, request);
  for (const request of requests) {
    if ('timer' in request && lastOfTimer.get(request.timer) !== request) continue;
    await (CARRY_OUT[request.type] as CarryOut['LIST_INSTANCES'])(tx, stored, request as never);
  }
}

function timerKey({ execution }: StoredExecution, kind: TimerKind) {
  return { shard: shardOf(execution.id, SHARDS), subject: execution.id, kind };
}

/** All instances of an execution, or those it has touched, in pages as they travel. */
async function pagesOf(
  tx: ExecutionTx,
  { execution }: StoredExecution,
  touchedOnly: boolean,
): Promise<StoredInstance[][]> {
  const pages: StoredInstance[][] = [];
  for (let afterIndex = -1; ;) {
    const limit = PAGE_OF_INSTANCES;
    const page = await tx.pageOfInstances(execution.id, { afterIndex, limit, touchedOnly });
    if (page.length > 0) pages.push(page);
    if (page.length < limit) return pages;
    afterIndex = page.at(-1)?.index ?? afterIndex;
  }
}

/**
 * The versions the instances came from. Most came from the execution's own; a fleet that was mixed
 * before goes back to the mix.
 */
async function versionsBack(
  tx: ExecutionTx,
  { snapshot }: StoredExecution,
  pages: readonly (readonly StoredInstance[])[],
): Promise<PlannedVersion[]> {
  const known = [snapshot.from, snapshot.to];
  const others = new Set<string>();
  for (const { fromVersion } of pages.flat()) {
    const isKnown = known.some(({ version }) => version === fromVersion);
    if (fromVersion !== null && !isKnown) others.add(fromVersion);
  }
  const { componentId } = snapshot;
  return [
    ...known,
    ...(await tx.plannedVersions(
      componentId,
      [...others].slice(0, ROLLBACK_VERSIONS_MAX - known.length),
    )),
  ];
}

type Work = Pick<ValidateCommand['data'], 'page' | 'pages' | 'instances'> & {
  readonly handOver: number;
};

function validateMessage(
  stored: StoredExecution,
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

function rollbackMessage(
  stored: StoredExecution,
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
function workOf({ execution }: StoredExecution, kind: string, handOver: number, page: number) {
  const commandId = [execution.id, kind, handOver, page, execution.revision].join('/');
  return { executionId: execution.id, commandId, fence: { handOver } };
}

function message(
  { execution }: StoredExecution,
  topic: string,
  type: string,
  data: { readonly commandId: string },
): OutgoingMessage {
  const { id: subject, lastProgressAtMs: timeMs } = execution;
  const head = { id: data.commandId, source: SOURCES.orchestrator, type, subject, timeMs };
  const value = JSON.stringify(envelope(head, data));
  return { shard: shardOf(subject, SHARDS), topic, key: subject, value };
}
