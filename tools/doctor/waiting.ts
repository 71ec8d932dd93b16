/** Executions against the work that the other services have written down. Pure. */
import { TOPICS } from '#contracts/topics.js';
import type { Finding } from './finding.js';
import type { ExecutionSeen, GroupSeen, Seen, ServiceName, WorkSeen } from './seen.js';

interface Awaited {
  readonly service: WorkSeen['service'];
  readonly kind: string;
  /** What the product itself does when the answer does not come. */
  readonly end: string;
}

const COMMANDS: Readonly<Record<WorkSeen['service'], string>> = {
  validator: TOPICS.validatorCommands,
  'canary-monitor': TOPICS.canaryCommands,
  'rollback-agent': TOPICS.rollbackCommands,
};
const RESULTS: Readonly<Record<WorkSeen['service'], string>> = {
  validator: TOPICS.validatorResults,
  'canary-monitor': TOPICS.canaryResults,
  'rollback-agent': TOPICS.rollbackResults,
};

const HOW_TO_CANCEL = '(in ROLLING_BACK with {"force": true, "reason": …})';

export function waitingFindings(seen: Seen): Finding[] {
  const executions = new Map(seen.executions.map((each) => [each.id, each]));
  const work = Map.groupBy(seen.work, ({ executionId }) => executionId);
  return [
    ...seen.executions.flatMap((each) => unanswered(each, work.get(each.id) ?? [], seen)),
    ...seen.work.flatMap((each) => foreignWork(each, executions.get(each.executionId))),
    ...foreignMessages(seen, executions),
  ];
}

function awaitedBy({ status, awaitsPostChecks }: ExecutionSeen): Awaited | null {
  const fails = 'it ends FAILED by its deadline, 15 minutes after its last progress';
  if (status === 'VALIDATING') return { service: 'validator', kind: 'PRE', end: fails };
  if (awaitsPostChecks) {
    const end = 'by its deadline of 15 minutes it is stopped, or rolled back with auto-rollback';
    return { service: 'validator', kind: 'POST', end };
  }
  if (status === 'CANARY_MONITORING') {
    const end = 'the monitor is asked again after three intervals';
    return { service: 'canary-monitor', kind: '', end };
  }
  if (status !== 'ROLLING_BACK') return null;
  const end = 'the agent is asked once more after 2 minutes, and given up after 2 more';
  return { service: 'rollback-agent', kind: '', end };
}

/**
 * What becomes of what it waits for once its hand-over is raised: the answer is one of an older
 * hand-over then, and is passed over. Empty: it waits for none.
 */
export function afterNewHandOver(execution: ExecutionSeen): string {
  const awaited = awaitedBy(execution);
  if (awaited === null) return '';
  const { service, end } = awaited;
  return (
    `; what ${service} answers is of the older hand-over then and not taken: ${end}. Sooner: POST ` +
    `upgrades/${execution.id}/cancel ${HOW_TO_CANCEL}, and create it anew`
  );
}

function unanswered(execution: ExecutionSeen, work: readonly WorkSeen[], seen: Seen): Finding[] {
  const awaited = awaitedBy(execution);
  if (awaited === null || !execution.isSettled) return [];
  const { service, kind, end } = awaited;
  const { id, tenantId, handOver, status } = execution;
  const row = work.find(
    (each) => each.service === service && each.handOver === handOver && each.kind === kind,
  );
  if (row?.state === 'RUNNING') return [];
  // What is still on its way is no difference.
  const isAnswered = row?.state === 'OVER';
  const topic = isAnswered ? RESULTS[service] : COMMANDS[service];
  const sender = isAnswered ? service : 'orchestrator';
  if (isOnItsWay(seen, sender, topic)) return [];
  const work_ = `hand-over ${String(handOver)}${kind === '' ? '' : ` (${kind})`}`;
  return [
    {
      code: isAnswered ? 'ANSWER_MISSED' : 'NEVER_ASKED',
      severity: 'WRONG',
      tenantId,
      about: `execution ${id}`,
      is: isAnswered
        ? `it waits in ${status} for ${service}, which has ended ${work_} and answered`
        : `it waits in ${status} for ${service}, which ${row === undefined ? 'has never heard of' : 'has only a part of'} ${work_}`,
      expected: `${service} at work on it, or an answer on its way`,
      means:
        `The ${isAnswered ? 'answer' : 'command'} is gone: with a Kafka that was lost, or because ` +
        'one schema was restored to another time than the other.',
      todo: `wait: ${end}. Sooner: POST upgrades/${id}/cancel ${HOW_TO_CANCEL} and create it anew`,
      repairs: [],
    },
  ];
}

function isOnItsWay({ services, topics }: Seen, sender: ServiceName, topic: string): boolean {
  if (services.find(({ name }) => name === sender)?.outbox.moves === true) return true;
  return topics?.groups.some((group) => group.topic === topic && lagOf(group) > 0) ?? false;
}

function lagOf({ committed, low, high }: GroupSeen): number {
  return high - Math.max(committed ?? low, low);
}

function foreignWork(work: WorkSeen, execution: ExecutionSeen | undefined): Finding[] {
  const { service, executionId, handOver, state } = work;
  const what = `${service} has work of hand-over ${String(handOver)}`;
  if (execution === undefined) {
    return [
      {
        code: 'WORK_UNKNOWN',
        severity: state === 'OVER' ? 'NOTICE' : 'WRONG',
        tenantId: null,
        about: `execution ${executionId}`,
        is: `${what} for it, and the orchestrator has no such execution`,
        expected: 'schemas that were backed up and restored together',
        means: `The orchestrator's schema is older than that of ${service}.`,
        todo:
          state === 'OVER'
            ? 'nothing: it is over, and forgotten in time'
            : 'restore all schemas from one backup; else let it end by itself and see what its target runs',
        repairs: [],
      },
    ];
  }
  if (handOver <= execution.handOver) return [];
  return [aheadOf(execution, what, handOver)];
}

function aheadOf(execution: ExecutionSeen, what: string, handOver: number): Finding {
  const { id, tenantId, isActive, sequence, handOver: known } = execution;
  return {
    code: 'HAND_OVER_AHEAD',
    severity: isActive ? 'DANGER' : 'WRONG',
    tenantId,
    about: `execution ${id}`,
    is: `${what}; its row has come to hand-over ${String(known)}`,
    expected: 'no hand-over that the orchestrator has not committed',
    means:
      "The orchestrator's schema is older than what it has sent: answers would be taken for " +
      'another work, and targets that have seen the higher fence refuse its operations.',
    todo: isActive
      ? `stop all services, \`npm run doctor -- --fix\`, start them again${afterNewHandOver(execution)}`
      : 'nothing by itself: the deployment is repaired by `npm run doctor -- --fix`, services stopped',
    repairs: isActive ? [{ kind: 'GO_ON_BEHIND', executionId: id, sequence, handOver }] : [],
  };
}

function foreignMessages(
  { topics }: Seen,
  executions: ReadonlyMap<string, ExecutionSeen>,
): Finding[] {
  const told = new Set(topics?.told.map(({ executionId }) => executionId));
  return (topics?.work ?? []).flatMap(({ executionId, tenantId, topic, handOver }) => {
    const execution = executions.get(executionId);
    if (execution !== undefined) {
      if (handOver <= execution.handOver) return [];
      const what = `${topic} speaks of hand-over ${String(handOver)}`;
      return [aheadOf(execution, what, handOver)];
    }
    // Said already, by what the progress topic tells of it.
    if (told.has(executionId)) return [];
    return [
      {
        code: 'MESSAGE_UNKNOWN',
        severity: 'NOTICE',
        tenantId,
        about: `execution ${executionId}`,
        is: `${topic} has messages of it, and the orchestrator has no such execution`,
        expected: 'commands and results of known executions',
        means: 'It was created after the backup that was restored; its events were lost too.',
        todo: 'see what its target runs; its answers are dead letters and may stay so',
        repairs: [],
      } satisfies Finding,
    ];
  });
}
