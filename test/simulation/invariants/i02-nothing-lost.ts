import { eventsOf } from '#core/execution/execution-facts.js';
import { TOPICS } from '#contracts/topics.js';
import { INBOX } from '#postgres/memory-tx.js';
import type { Ground, Invariant, SeenCommit, SeenExecution } from './invariant.js';

const RESULTS: readonly string[] = [
  TOPICS.validatorResults,
  TOPICS.canaryResults,
  TOPICS.rollbackResults,
];

/**
 * What an execution decides and what is told of it are one commit; what the relay lets go is on the
 * bus; and an answer is taken in together with the row that keeps it from being taken in again.
 */
export const nothingLost: Invariant = {
  id: 'I2',
  says: 'the outbox row is in the change’s transaction, the inbox row in the effect’s',
  watch: (ground) => {
    const { must, world } = ground;
    const told = new Set<string>();
    const answers = new Map<string, Set<string>>();
    const lastOf = new Map<string, number>();
    return {
      committed: (commit) => {
        for (const seen of commit.executions) {
          checkOutbox(ground, commit, seen);
          checkInbox(ground, commit, seen);
          for (const fact of seen.facts) {
            const last = fact.sequence + eventsOf(fact) - 1;
            lastOf.set(`${seen.id}/${String(fact.sequence)}`, last);
          }
        }
        if (commit.service !== 'orchestrator') checkWork(ground, commit);
      },
      appended: ({ event, topic, key }) => {
        told.add(event.id);
        if (!RESULTS.includes(topic)) return;
        const ids = answers.get(key) ?? new Set();
        answers.set(key, ids.add(event.id));
      },
      dropped: (_, rows) => {
        for (const { message, pointer } of rows) {
          if (message !== null) {
            const { id } = JSON.parse(message.value) as { id: string };
            must(told.has(id), () => `the relay let ${id} go and never sent it`);
          } else if (pointer !== null) {
            const { subject, position } = pointer;
            const last = lastOf.get(`${subject}/${String(position)}`) ?? position;
            for (let at = position; at <= last; at += 1) {
              const id = `${subject}/${String(at)}`;
              must(told.has(id), () => `the relay let ${id} go and never sent it`);
            }
          }
        }
      },
      ended: () => {
        for (const { create } of world.upgrades) {
          const { id } = create;
          const { sequence = 0 } = world.execution(id) ?? {};
          const missing = Array.from({ length: sequence }, (_, at) => at + 1).filter((number) => {
            return !told.has(`${id}/${String(number)}`);
          });
          must(missing.length === 0, () => `${id}: ${missing.join(' ')} were never told`);
          if (world.hasMadeUpAnswers) continue;
          const [sent, judged] = [answers.get(id)?.size ?? 0, world.answersJudged(id)];
          must(judged <= sent, () => `${String(sent)} answers were judged ${String(judged)} times`);
        }
      },
    };
  },
};

function checkOutbox({ must }: Ground, { outbox }: SeenCommit, seen: SeenExecution): void {
  const { id, before, after, facts } = seen;
  const events = facts.reduce((sum, fact) => sum + eventsOf(fact), 0);
  const grown = after.sequence - (before?.sequence ?? 0);
  must(events === grown, () => `${id} counts ${String(grown)} events, ${String(events)} are kept`);
  const pointed = new Set(
    outbox.flatMap(({ pointer }) => (pointer?.subject === id ? [pointer.position] : [])),
  );
  for (const { sequence } of facts) {
    must(pointed.has(sequence), () => `${id}: fact ${String(sequence)} is kept and not to be told`);
  }
  const isAll = pointed.size === facts.length;
  must(isAll, () => `${id}: ${String(pointed.size)} facts to be told of ${String(facts.length)}`);
}

/** What an execution can only have learnt from an answer came with that answer's inbox row. */
function checkInbox({ must, world }: Ground, commit: SeenCommit, seen: SeenExecution): void {
  const { id, before, after } = seen;
  if (before === null || world.hasMadeUpAnswers) return;
  const learnt = [
    before.preChecks !== after.preChecks && after.preChecks.length > before.preChecks.length,
    after.postChecks.length > before.postChecks.length,
    JSON.stringify(after.canary?.totals) !== JSON.stringify(before.canary?.totals) &&
      before.canary !== null,
    after.rollback?.agentDone === true && before.rollback?.agentDone !== true,
  ];
  if (!learnt.includes(true)) return;
  const isKept = commit.changes.some(({ table, after: row }) => table === INBOX && row);
  must(isKept, () => `${id} took an answer in and does not remember which`);
}

/** Work of another service begins with the message that asked for it, and ends with one that says so. */
function checkWork({ must }: Ground, { service, changes, outbox }: SeenCommit): void {
  const isKept = changes.some(({ table, after }) => table === INBOX && after !== undefined);
  for (const { table, key, before, after } of changes) {
    if (table !== WORK_OF[service]) continue;
    const [was, is] = [stateOf(before), stateOf(after)];
    if (before === undefined) {
      must(isKept, () => `${service} took ${key} in and does not remember the question`);
    }
    if (was !== is && is === 'ENDED') {
      must(outbox.length > 0, () => `${service} ended ${key} and tells nobody`);
    }
  }
}

const WORK_OF: Readonly<Record<string, string>> = {
  validator: 'validations',
  'canary-monitor': 'watches',
  'rollback-agent': 'rollbacks',
};

function stateOf(row: unknown): string | null {
  const { validation, watch, work } = (row ?? {}) as Record<string, { state?: string } | undefined>;
  return (validation ?? watch ?? work)?.state ?? null;
}
