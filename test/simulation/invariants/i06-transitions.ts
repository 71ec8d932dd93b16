import {
  isTerminal,
  type ExecutionStatus,
  type InstanceStatus,
} from '#core/execution/execution.js';
import { checkInvariants } from '#core/execution/invariants.js';
import { EXECUTION_STEPS, INSTANCE_STEPS } from '../../legal-steps.js';
import type { Ground, Invariant, SeenExecution } from './invariant.js';

/** Also: the counters say what the instances' own rows say, and each change has a revision. */
export const onlyLegalTransitions: Invariant = {
  id: 'I6',
  says: 'only the table’s transitions; terminal statuses absorb everything',
  watch: (ground) => ({
    committed: ({ executions }) => {
      for (const seen of executions) {
        checkRevision(ground, seen);
        checkSteps(ground, seen);
        checkInstances(ground, seen);
        checkCounters(ground, seen);
        for (const problem of checkInvariants(seen.after)) {
          ground.must(false, () => `${seen.id}: ${problem}`);
        }
      }
    },
  }),
};

function checkRevision({ must }: Ground, { id, before, after, facts }: SeenExecution): void {
  const from = before?.revision ?? 0;
  const to = after.revision;
  const isEnded = before !== null && isTerminal(before.status);
  must(!isEnded, () => `${id} has ended as ${String(before?.status)} and is changed`);
  must(to > from, () => `${id}: revision ${String(to)} after ${String(from)}`);
  let last = from + 1;
  for (const { revision, sequence } of facts) {
    const isInTurn = revision >= last && revision <= to;
    must(isInTurn, () => `${id}: fact ${String(sequence)} of revision ${String(revision)}`);
    last = revision;
  }
}

function checkSteps({ must }: Ground, { id, before, after, facts }: SeenExecution): void {
  let status: ExecutionStatus | null = before?.status ?? null;
  for (const fact of facts) {
    if (fact.type === 'STATUS_CHANGED') {
      const [from, to] = [status, fact.to];
      must(fact.from === from, () => `${id}: stood in ${String(from)}, not ${String(fact.from)}`);
      const allowed = from === null ? ['PENDING'] : EXECUTION_STEPS[from];
      must(allowed.includes(to), () => `${id}: ${String(from)} → ${to}`);
      status = to;
    }
    const { executionStatus } = fact;
    must(executionStatus === status, () => `${id}: a fact of ${executionStatus}`);
  }
  must(after.status === status, () => `${id} is ${after.status}, ${String(status)} was told`);
}

function checkInstances({ must }: Ground, seen: SeenExecution): void {
  const { id, facts, instancesBefore, instancesAfter } = seen;
  if (facts.every(({ type }) => type !== 'INSTANCES_MOVED')) return;
  const stands = new Map<number, InstanceStatus>();
  for (const { index, status } of instancesBefore) stands.set(index, status);
  for (const fact of facts) {
    if (fact.type !== 'INSTANCES_MOVED' || fact.select.by !== 'INDICES') continue;
    const { from, to } = fact;
    must(INSTANCE_STEPS[from].includes(to), () => `${id}: an instance ${from} → ${to}`);
    for (const index of fact.select.indices) {
      const stood = stands.get(index) ?? 'PENDING';
      must(stood === from, () => `${id}: instance ${String(index)} stood in ${stood}, not ${from}`);
      stands.set(index, to);
    }
  }
  for (const { index, status } of instancesAfter) {
    const told = stands.get(index) ?? 'PENDING';
    must(told === status, () => `${id}: instance ${String(index)} is ${status}, told ${told}`);
  }
}

function checkCounters({ must }: Ground, { id, after, instancesAfter }: SeenExecution): void {
  const stand = new Map<string, number>();
  for (const { status } of instancesAfter) stand.set(status, (stand.get(status) ?? 0) + 1);
  for (const [status, counted] of Object.entries(after.counters)) {
    const are = stand.get(status) ?? 0;
    must(are === counted, () => `${id}: ${String(counted)} ${status}, ${String(are)} are`);
  }
}
