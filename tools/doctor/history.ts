/** Executions against what the progress topic has told of them. Pure. */
import { DOCTOR_LIMITS } from './doctor-limits.js';
import type { Finding } from './finding.js';
import type { ExecutionSeen, Seen, ToldSeen } from './seen.js';

const TERMINAL = ['COMPLETED', 'FAILED', 'CANCELLED', 'ROLLED_BACK'];
const FIX = 'stop all services, `npm run doctor -- --fix`, start them again';

export function historyFindings({ executions, topics, nowMs }: Seen): Finding[] {
  if (topics === null) return [];
  const told = new Map(topics.told.map((each) => [each.executionId, each]));
  const known = new Map(executions.map((each) => [each.id, each]));
  const unknown = topics.told.filter(({ executionId }) => !known.has(executionId));
  return [
    ...unknown.map(unknownExecution),
    ...executions.flatMap((execution) => {
      const heard = told.get(execution.id);
      if (heard === undefined) return topics.isCut ? [] : untold(execution, nowMs);
      // What was left out of the topic is not missing there.
      const whole = topics.isCut ? { ...heard, firstSequence: 1 } : heard;
      return [...ahead(execution, heard), ...lost(execution, whole, nowMs)];
    }),
  ];
}

function unknownExecution(told: ToldSeen): Finding {
  const { executionId, tenantId, lastSequence, status } = told;
  return {
    code: 'EXECUTION_UNKNOWN',
    severity: TERMINAL.includes(status) ? 'WRONG' : 'DANGER',
    tenantId,
    about: `execution ${executionId}`,
    is: `the progress topic tells of it up to event ${String(lastSequence)}, ${status}`,
    expected: 'a row in the database for every execution that was ever told of',
    means:
      'It was created after the backup that was restored: what it did to the target was done, and ' +
      'nobody here knows of it or goes on with it.',
    todo:
      'see what its deployment runs (this report, or the target itself), PUT ' +
      `tenants/${tenantId}/deployments/<componentId> with the version that runs, and create it anew ` +
      'if it is still wanted; it is named here until the topic has forgotten it, after a week',
    repairs: [],
  };
}

function ahead(execution: ExecutionSeen, told: ToldSeen): Finding[] {
  const { id, tenantId, sequence, status, isActive, handOver } = execution;
  const findings: Finding[] = [];
  const head = { tenantId, about: `execution ${id}` };
  if (told.lastSequence > sequence) {
    const repair = { kind: 'GO_ON_BEHIND', executionId: id, handOver } as const;
    findings.push({
      ...head,
      code: 'TOLD_AHEAD',
      severity: isActive ? 'DANGER' : 'WRONG',
      is: `its row has come to event ${String(sequence)}, the topic to ${String(told.lastSequence)}`,
      expected: 'no event on the topic that its database has not committed',
      means:
        'The database went back in time: the next events would carry ids that were told already, ' +
        'with other content, and whoever follows would take them for doubles.',
      todo: isActive ? FIX : 'nothing: it has ended here too, and tells nothing more',
      repairs: isActive ? [{ ...repair, sequence: told.lastSequence }] : [],
    });
  }
  if (isActive && TERMINAL.includes(told.status)) {
    findings.push({
      ...head,
      code: 'ENDED_ON_TOPIC',
      severity: 'DANGER',
      is: `its row says ${status}, the topic says that it ended ${told.status}`,
      expected: 'the same status, or a later one in the database',
      means:
        'It had ended when the backup was not yet the database; from its row it goes on once more. ' +
        'What the target has done already is found done by its id, nothing is done twice.',
      todo:
        `after the fix: let it go on, or POST upgrades/${id}/cancel and PUT the deployment to the ` +
        'version that runs',
      repairs: [],
    });
  }
  return findings;
}

/** Told, as far as the outbox knows, and not on the topic: only of late, for topics forget. */
function lost(execution: ExecutionSeen, told: ToldSeen, nowMs: number): Finding[] {
  const { id, tenantId, toldSequence, lastProgressAtMs, createdAtMs } = execution;
  const findings: Finding[] = [];
  const isLate = nowMs - lastProgressAtMs < DOCTOR_LIMITS.eventsKeptMs;
  if (isLate && toldSequence > told.lastSequence) {
    findings.push(notTold(execution, told.lastSequence));
  }
  const isYoung = nowMs - createdAtMs < DOCTOR_LIMITS.eventsKeptMs;
  const missing = told.missing + (isYoung ? told.firstSequence - 1 : 0);
  if (missing > 0) {
    findings.push({
      code: 'EVENTS_MISSING',
      severity: 'NOTICE',
      tenantId,
      about: `execution ${id}`,
      is: `${String(missing)} of its events before ${String(told.lastSequence)} are not on the topic`,
      expected: 'every event from 1 on',
      means:
        'Kafka has lost them; the database has them. They cannot be told again in their order, ' +
        'because later ones were told since.',
      todo: `followers read GET upgrades/${id}/events; nothing is to be repaired`,
      repairs: [],
    });
  }
  return findings;
}

function untold(execution: ExecutionSeen, nowMs: number): Finding[] {
  const isLate = nowMs - execution.lastProgressAtMs < DOCTOR_LIMITS.eventsKeptMs;
  return isLate && execution.toldSequence > 0 ? [notTold(execution, 0)] : [];
}

function notTold({ id, tenantId, toldSequence }: ExecutionSeen, after: number): Finding {
  const from = String(after + 1);
  return {
    code: 'TOLD_LOST',
    severity: 'WRONG',
    tenantId,
    about: `execution ${id}`,
    is: `events ${from} to ${String(toldSequence)} were acknowledged by Kafka and are not there`,
    expected: 'every event of the last week on the progress topic',
    means: 'Kafka was lost or made anew: who follows the topic misses them, the REST API has them.',
    todo: FIX,
    repairs: [{ kind: 'TELL_AGAIN', executionId: id, afterSequence: after }],
  };
}
