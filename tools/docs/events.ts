import { z } from 'zod';
import {
  ExecutionChangedEvent,
  ExecutionNotedEvent,
  InstanceChangedEvent,
} from '#contracts/progress.messages.js';
import { progressEventsOf, type ResolvedFact } from '#contracts/progress-events.js';
import { deadLetterTopic, TOPIC_SPECS, TOPICS } from '#contracts/topics.js';
import { FAILURE_KINDS, type FailureKind } from '#core/execution/execution-inputs.js';
import { aligned } from './markdown-table.js';

/** What each field of `data` tells; a field without a line here fails the making of the page. */
const MEANINGS: Readonly<Record<string, string>> = {
  executionId: 'Which upgrade; also the key of the message',
  tenantId: 'Whose deployment',
  componentId: 'Of which component',
  sequence: '1, 2, 3… without a gap, for each execution',
  revision: 'Of the execution, after the decision the event tells of; `If-Match` takes it',
  progress: '`total`, `completed`, `failed`, `rolledBack` and `percentage`, after this event',
  executionStatus: 'The status of the execution after the event',
  why: 'Why it happened, in a sentence',
  previousStatus: 'The status before; null for the first event, the creation',
  by: 'Who asked for it, as claimed with `X-Actor`; null when nobody did',
  note: 'What a watcher should know, although no status moved',
  waitingFor: 'For what it waits, with note `WAITING`; null otherwise',
  instanceId: 'Which instance',
  instanceStatus: 'The status of the instance after the event',
  previousInstanceStatus: 'The status of the instance before',
  attempt: '1, or 2 in the retry round',
  version: 'The version it is on its way to, or was taken to',
  failure: 'Why it failed, for programs; null otherwise',
  closedConnections: 'Connections closed at the end of a drain that ran out of time',
};

const FAILURES: Readonly<Record<FailureKind, string>> = {
  DRAIN_FAILED: 'the target could not drain it',
  BRING_FAILED: 'the target could not bring it to the version',
  UNHEALTHY: 'its health endpoint did not say healthy within `healthCheckTimeoutSeconds`',
  WRONG_VERSION: 'it is healthy, but reports another version than the one it was brought to',
  READMIT_FAILED: 'the target could not let it back into the traffic',
  VANISHED: 'it is not there any more',
  TIMEOUT: 'a step took longer than its limit',
};

/** `docs/EVENTS.md`: topics and progress events, from the schemas they are checked by. */
export function eventsDoc(): string {
  return [
    '# Events',
    '',
    '<!-- made by `npm run docs` from libs/contracts -->',
    '',
    `Progress goes to topic \`${TOPICS.progress}\` as CloudEvents 1.0 (structured JSON), keyed by`,
    'execution, so that events of one execution keep their order. An event exists if and only if its',
    'change was committed. Its `id` is `<executionId>/<sequence>`: whoever has seen an id has seen',
    'the event. `GET upgrades/:id/events` tells the same events, as pages or as a live stream.',
    '',
    ...section('An instance moved', InstanceChangedEvent, exampleOf(INSTANCE_FAILED)),
    '`failure` is one of:',
    '',
    aligned([
      ['failure', 'meaning'],
      ...FAILURE_KINDS.map((kind) => [`\`${kind}\``, FAILURES[kind]]),
    ]),
    '',
    ...section('The execution moved', ExecutionChangedEvent, exampleOf(EXECUTION_STARTED)),
    ...section('Something to know', ExecutionNotedEvent, exampleOf(RETRY_NOTED)),
    '## Topics',
    '',
    'A message that cannot be read or handled goes to the dead-letter topic beside its own:',
    '`npm run dead-letters -- list`.',
    '',
    aligned([
      ['topic', 'partitions', 'kept for', 'dead letters'],
      ...Object.values(TOPICS).map((name) => {
        const spec = TOPIC_SPECS.find((each) => each.name === name);
        const days = (spec?.retentionMs ?? 0) / 86_400_000;
        const dead = `\`${deadLetterTopic(name)}\``;
        return [`\`${name}\``, String(spec?.partitions), `${String(days)} days`, dead];
      }),
    ]),
    '',
  ].join('\n');
}

interface ObjectSchema {
  readonly properties: Readonly<Record<string, JsonSchema>>;
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

function section(title: string, schema: z.ZodType, example: unknown): string[] {
  const { properties } = z.toJSONSchema(schema, { io: 'input' }) as unknown as ObjectSchema;
  const fields = Object.entries(properties['data']?.properties ?? {});
  return [
    `## ${title}`,
    '',
    `\`${properties['type']?.const ?? ''}\``,
    '',
    aligned([
      ['`data.`', 'type', 'meaning'],
      ...fields.map(([name, field]) => [`\`${name}\``, typeOf(field), meaningOf(name)]),
    ]),
    '',
    '```json',
    JSON.stringify(example, null, 2),
    '```',
    '',
  ];
}

function meaningOf(name: string): string {
  const meaning = MEANINGS[name];
  if (meaning === undefined) throw new Error(`tools/docs/events.ts does not know field ${name}`);
  return meaning;
}

function typeOf(field: JsonSchema): string {
  if (field.anyOf !== undefined) return field.anyOf.map(typeOf).join(' or ');
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(' ');
  const { format, type = 'any' } = field;
  return format ?? (typeof type === 'string' ? type : type.join(' or '));
}

const HEAD = {
  executionId: '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b',
  tenantId: 'demo',
  componentId: '0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b',
  targetVersion: '1.3.0',
};

const FACT = {
  revision: 9,
  atMs: Date.UTC(2030, 0, 2, 3, 4, 5, 678),
  executionStatus: 'IN_PROGRESS' as const,
  before: { total: 8, completed: 0, failed: 0, rolledBack: 0, percentage: 0 },
};

const INSTANCE_FAILED: ResolvedFact = {
  ...FACT,
  type: 'INSTANCES_MOVED',
  sequence: 8,
  from: 'HEALTH_CHECKING',
  to: 'FAILED',
  fromAttempt: 1,
  attempt: 1,
  count: 1,
  select: { by: 'INDICES', indices: [0] },
  failure: 'UNHEALTHY',
  closedConnections: 0,
  why: 'UNHEALTHY: cannot reach its dictionary (for 5000 ms)',
  instances: [{ index: 0, id: 'greeter-0000' }],
};

const EXECUTION_STARTED: ResolvedFact = {
  ...FACT,
  type: 'STATUS_CHANGED',
  sequence: 2,
  executionStatus: 'VALIDATING',
  from: 'PENDING',
  to: 'VALIDATING',
  by: 'ann',
  why: 'started',
};

const RETRY_NOTED: ResolvedFact = {
  ...FACT,
  type: 'NOTED',
  sequence: 21,
  note: 'RETRY_ROUND',
  by: null,
  waitingKind: null,
  why: '1 failed instances are tried again',
};

function exampleOf(fact: ResolvedFact): unknown {
  return progressEventsOf(fact, HEAD)[0];
}
