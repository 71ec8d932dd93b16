/** What happens, in words: for whoever reads a trace. Every line says who, and what. */
import type { Fact } from '#core/execution/execution-facts.js';
import type { SeenCommit, SeenMessage, Watch } from './invariants/invariant.js';

const ID_CHARS = 8;
const WHY_MAX_CHARS = 80;

/** Fields of a message that say what it is about, where it has them. */
const TELLING = [
  ...['kind', 'state', 'sequence', 'executionStatus', 'note', 'instanceId', 'instanceStatus'],
  ...['page', 'verdict', 'durationOver'],
] as const;

/** State changes, messages and acts of targets, as they happen. */
export function toldHistory(
  trace: (who: string, what: string) => void,
): Pick<Watch, 'committed' | 'appended' | 'acted'> {
  return {
    committed: (commit) => {
      for (const line of changesOf(commit)) trace(commit.owner, line);
    },
    appended: (message) => {
      trace('bus', textOf(message));
    },
    acted: (fleet, act) => {
      const of = 'instanceId' in act ? act.instanceId : (act.set ?? 'its traffic');
      const to = act.version === null ? '' : ` to ${act.version}`;
      const { handOver, epoch } = act.fence;
      const fence = `${String(handOver)}.${String(epoch)}`;
      trace(fleet.split('/')[0] ?? fleet, `${act.verb} ${of}${to} at ${fence}: ${act.outcome}`);
    },
  };
}

function changesOf({ executions, changes }: SeenCommit): string[] {
  const facts = executions.flatMap(({ id, facts }) =>
    facts.map((fact) => `${id.slice(0, ID_CHARS)} ${textOfFact(fact)}`),
  );
  const works = changes.flatMap(({ table, key, before, after }) => {
    const [was, is] = [stateOf(before), stateOf(after)];
    if (is === null || was === is) return [];
    const name = key.replace(/^[0-9a-f-]{36}/, (id) => id.slice(0, ID_CHARS));
    return [`${table} ${name}: ${was ?? 'new'} → ${is}`];
  });
  return [...facts, ...works];
}

function textOfFact(fact: Fact): string {
  const why = `: ${fact.why.slice(0, WHY_MAX_CHARS)}`;
  switch (fact.type) {
    case 'STATUS_CHANGED':
      return `${String(fact.from)} → ${fact.to}${fact.by === null ? '' : ` by ${fact.by}`}${why}`;
    case 'NOTED':
      return `${fact.note}${why}`;
    case 'INSTANCES_MOVED': {
      const indices = fact.select.by === 'INDICES' ? ` (${fact.select.indices.join(' ')})` : '';
      const failure = fact.failure === null ? '' : ` ${fact.failure}`;
      return `instances${indices} ${fact.from} → ${fact.to}${failure}${why}`;
    }
  }
}

/** Of the work of another service; null: the row is not of such work. */
function stateOf(row: unknown): string | null {
  const { validation, watch } = (row ?? {}) as Record<string, { state?: string } | undefined>;
  return (validation ?? watch)?.state ?? null;
}

function textOf({ topic, key, event: { data } }: SeenMessage): string {
  const told = TELLING.flatMap((field) => {
    const value = data[field];
    return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
  });
  const name = topic.replace(/^upgrade\./, '').replace(/\.v1/, '');
  return `${name} ${key.slice(0, ID_CHARS)} ${told.join(' ')}`;
}
