/** What the progress topic must have told: everything, once, in order, and only what is allowed. */
import type { ExecutionStatus, InstanceStatus } from '#core/execution/execution.js';
import { EXECUTION_STEPS, INSTANCE_STEPS } from '../../legal-steps.js';
import { linesOf, type LineOf } from '../history.js';
import type { Checked, Finding, Ledger, ToldEvent } from './ledger.js';

/** I2, I3: 1, 2, 3… without a gap, each event always the same to the byte, and the same by REST. */
export function eventsAreTold(ledger: Ledger): Checked {
  const findings: Finding[] = [...differentTexts(ledger)];
  for (const [id, { line, events: byRest }] of ledger.executions) {
    const told = ledger.events.get(id) ?? [];
    if (told.length === 0)
      findings.push({ what: `I2: ${id}: nothing is told of it`, lines: [line] });
    const wrong = told.findIndex(({ event }, at) => event.data.sequence !== at + 1);
    if (wrong >= 0) {
      const there = told[wrong];
      const what = `event ${String(there?.event.data.sequence)} comes where ${String(wrong + 1)} belongs`;
      findings.push({ what: `I3: ${id}: ${what}`, lines: [there?.line ?? line] });
    }
    if (told.length !== byRest.length) {
      const counts = `${String(told.length)} events on Kafka, ${String(byRest.length)} by REST`;
      findings.push({ what: `I2: ${id}: ${counts}`, lines: [line] });
    }
    const other = told.find(({ text }, at) => byRest[at] !== undefined && byRest[at] !== text);
    if (other === undefined) continue;
    findings.push({ what: `I2: ${other.event.id} is another by REST`, lines: [other.line, line] });
  }
  for (const [id, [first]] of ledger.events) {
    if (ledger.executions.has(id)) continue;
    findings.push({ what: `I2: ${id} is told of and not there`, lines: [first?.line ?? 0] });
  }
  return { looked: linesOf(ledger.lines, 'EVENT').length, findings };
}

/** What is told twice is the same, on the same partition and under its execution's id. */
function differentTexts(ledger: Ledger): Finding[] {
  const first = new Map<string, { line: number; text: string; partition: number }>();
  const findings: Finding[] = [];
  for (const { line, text, partition, key } of linesOf(ledger.lines, 'EVENT')) {
    const { id, data } = JSON.parse(text) as ToldEvent['event'];
    const before = first.get(id);
    if (before === undefined) first.set(id, { line, text, partition });
    else if (before.text !== text || before.partition !== partition) {
      findings.push({ what: `I2: two different events are ${id}`, lines: [before.line, line] });
    }
    if (key !== data.executionId) {
      findings.push({ what: `I3: ${id} has the key ${String(key)}`, lines: [line] });
    }
  }
  return findings;
}

/** I6: by the spec and not by the table of the code; nothing follows a terminal status. */
export function stepsAreLegal(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  let looked = 0;
  for (const told of ledger.events.values()) {
    const standing = new Map<string, InstanceStatus>();
    let status: ExecutionStatus | null = null;
    for (const { line, event } of told) {
      const { id, data } = event;
      const wrong = (what: string): void =>
        void findings.push({ what: `I6: ${id}: ${what}`, lines: [line] });
      looked += 1;
      if ('previousStatus' in data) {
        const to = data.executionStatus;
        const allowed: readonly ExecutionStatus[] =
          status === null ? ['PENDING'] : EXECUTION_STEPS[status];
        if (data.previousStatus !== status) wrong(`it stood in ${String(status)}`);
        if (!allowed.includes(to)) wrong(`${String(status)} → ${to}`);
        status = to;
      } else if ('instanceId' in data) {
        const { instanceId, previousInstanceStatus: from, instanceStatus: to } = data;
        const stood = standing.get(instanceId) ?? 'PENDING';
        if (stood !== from) wrong(`${instanceId} stood in ${stood}, not ${from}`);
        if (!INSTANCE_STEPS[from].includes(to)) wrong(`${from} → ${to}`);
        standing.set(instanceId, to);
      }
      if (data.executionStatus !== status) wrong(`it says ${data.executionStatus}`);
    }
    const last = told.at(-1);
    const shown = ledger.executions.get(last?.event.data.executionId ?? '');
    if (shown === undefined || last === undefined) continue;
    findings.push(...otherRows(shown, standing));
    if (shown.execution.status === status) continue;
    const what = `I6: REST says ${shown.execution.status}, the last event ${String(status)}`;
    findings.push({ what, lines: [last.line, shown.line] });
  }
  return { looked, findings };
}

/** Rows that are not what the last event of their instance has told. */
function otherRows(
  { line, execution, instances }: LineOf<'EXECUTION'>,
  standing: ReadonlyMap<string, InstanceStatus>,
): Finding[] {
  return instances.flatMap(({ instanceId, status }) => {
    const told = standing.get(instanceId) ?? 'PENDING';
    if (status === told) return [];
    const what = `${instanceId} is ${status} by REST, ${told} was told`;
    return [{ what: `I6: ${execution.id}: ${what}`, lines: [line] }];
  });
}

/** I10: in a pause, after a stop and in a rollback nothing is begun on any instance. */
export function nothingIsBegunInAStop(ledger: Ledger): Checked {
  const findings: Finding[] = [];
  let looked = 0;
  for (const told of ledger.events.values()) {
    let isStopping = false;
    for (const { line, event } of told) {
      const { id, data } = event;
      if ('note' in data && data.note === 'STOPPING') isStopping = true;
      const isStill = isStopping || STILL.includes(data.executionStatus);
      if (isStill) looked += 1;
      if (!isStill || !('instanceId' in data)) continue;
      const { previousInstanceStatus: from, instanceStatus: to, instanceId } = data;
      const isBegun =
        (from === 'PENDING' || from === 'FAILED') && (to === 'DRAINING' || to === 'UPGRADING');
      if (!isBegun) continue;
      const when = isStopping ? 'it stops' : data.executionStatus;
      findings.push({ what: `I10: ${id} begins ${instanceId} although ${when}`, lines: [line] });
    }
  }
  return { looked, findings };
}

const STILL: readonly string[] = ['PAUSED', 'ROLLING_BACK', 'CANARY_MONITORING', 'VALIDATING'];
