/** Makes `docs/EVENTS.md` from the schemas in libs/contracts: topics, envelope, every message. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  EXECUTION_CHANGED_TYPE,
  EXECUTION_NOTED_TYPE,
  ExecutionChangedEvent,
  ExecutionNotedEvent,
  INSTANCE_CHANGED_TYPE,
  InstanceChangedEvent,
} from '#contracts/progress.messages.js';
import { MESSAGE_MAX_BYTES, TOPIC_SPECS, TOPICS } from '#contracts/topics.js';
import {
  ROLL_BACK_TYPE,
  ROLLED_BACK_TYPE,
  RollbackCommand,
  RollbackResult,
  VALIDATE_TYPE,
  ValidateCommand,
  VALIDATED_TYPE,
  ValidationResult,
  WATCH_TYPE,
  WatchCommand,
  WATCHED_TYPE,
  WatchResult,
} from '#contracts/work.messages.js';
import { table } from './state-machine-doc.js';

/** A message type: where it travels, what it says, and the example that must parse for ever. */
export interface MessageType {
  readonly type: string;
  readonly topic: string;
  readonly schema: z.ZodType;
  readonly says: string;
}

export const MESSAGE_TYPES: readonly MessageType[] = [
  {
    type: EXECUTION_CHANGED_TYPE,
    topic: TOPICS.progress,
    schema: ExecutionChangedEvent,
    says: 'An execution went from one status to another.',
  },
  {
    type: INSTANCE_CHANGED_TYPE,
    topic: TOPICS.progress,
    schema: InstanceChangedEvent,
    says: 'An instance went from one status to another.',
  },
  {
    type: EXECUTION_NOTED_TYPE,
    topic: TOPICS.progress,
    schema: ExecutionNotedEvent,
    says: 'Something a watcher should know that moved no status.',
  },
  {
    type: VALIDATE_TYPE,
    topic: TOPICS.validatorCommands,
    schema: ValidateCommand,
    says: 'Asks for the checks before or after an upgrade, page by page.',
  },
  {
    type: VALIDATED_TYPE,
    topic: TOPICS.validatorResults,
    schema: ValidationResult,
    says: 'The checks are under way, or what they found.',
  },
  {
    type: WATCH_TYPE,
    topic: TOPICS.canaryCommands,
    schema: WatchCommand,
    says: 'Asks to watch canaries, page by page, or to watch them no longer.',
  },
  {
    type: WATCHED_TYPE,
    topic: TOPICS.canaryResults,
    schema: WatchResult,
    says: 'The verdict on the canaries, with the latest samples it follows from.',
  },
  {
    type: ROLL_BACK_TYPE,
    topic: TOPICS.rollbackCommands,
    schema: RollbackCommand,
    says: 'Asks to take instances back to the versions they had, or to stop doing so.',
  },
  {
    type: ROLLED_BACK_TYPE,
    topic: TOPICS.rollbackResults,
    schema: RollbackResult,
    says: 'Instances that are back, and those that are left over.',
  },
];

/** `upgrade-orchestrator.execution.noted.v1` → execution.noted.v1.json */
export function exampleUrl({ type }: MessageType): URL {
  const name = type.replace(/^upgrade-orchestrator\./, '');
  return new URL(`../libs/contracts/src/examples/${name}.json`, import.meta.url);
}

export function eventsDoc(): string {
  return [
    '# Events and messages',
    'Made from `libs/contracts/src` by `npm run docs`; do not edit. Every message is a CloudEvents ' +
      '1.0 envelope in structured JSON, `content-type` apart; its `type` ends in the version of the ' +
      `schema of \`data\`. A message is at most ${String(MESSAGE_MAX_BYTES)} bytes. Whoever reads ` +
      'must expect each message more than once: the same `id` is the same message.',
    '## Topics',
    topicTable(),
    '## Envelope',
    'The key of every message is the execution’s id, so that all about one execution is in order.',
    fieldTable(envelopeFields()),
    ...MESSAGE_TYPES.flatMap(sectionOf),
  ]
    .join('\n\n')
    .concat('\n');
}

function topicTable(): string {
  const lines = TOPIC_SPECS.map(({ name, partitions, retentionMs }) => {
    return [`\`${name}\``, String(partitions), `${String(retentionMs / 86_400_000)} days`];
  });
  return table(['topic', 'partitions', 'kept'], lines);
}

function sectionOf(message: MessageType): string[] {
  return [
    `## \`${message.type}\``,
    `${message.says} Topic \`${message.topic}\`.`,
    fieldTable(dataFields(message)),
    `\`\`\`json\n${readFileSync(exampleUrl(message), 'utf8').trim()}\n\`\`\``,
  ];
}

interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
}

interface Field {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

function schemaOf({ schema }: MessageType): JsonSchema {
  return z.toJSONSchema(schema) as JsonSchema;
}

function envelopeFields(): Field[] {
  const [first] = MESSAGE_TYPES;
  if (first === undefined) return [];
  return fieldsOf(schemaOf(first), '').filter(({ name }) => !name.startsWith('data'));
}

function dataFields(message: MessageType): Field[] {
  const data = schemaOf(message).properties?.['data'];
  return data === undefined ? [] : fieldsOf(data, '');
}

/** The fields of an object and of the objects inside, by their paths. */
function fieldsOf({ properties = {}, required = [] }: JsonSchema, prefix: string): Field[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = `${prefix}${key}`;
    const field = { name, schema, isRequired: required.includes(key) };
    const inside = schema.type === 'array' ? schema.items : schema;
    const deeper =
      inside?.properties === undefined ? [] : fieldsOf(inside, `${insideOf(name, schema)}.`);
    return [field, ...deeper];
  });
}

function insideOf(name: string, { type }: JsonSchema): string {
  return type === 'array' ? `${name}[]` : name;
}

function fieldTable(fields: readonly Field[]): string {
  const lines = fields.map(({ name, schema, isRequired }) => {
    return [`\`${name}\``, typeOf(schema), boundsOf(schema), isRequired ? '' : 'may be left out'];
  });
  return table(['field', 'type', 'bounds', ''], lines);
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return `always \`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((it) => `\`${String(it)}\``).join(', ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  return [schema.format ?? schema.type ?? 'anything'].join(' ');
}

function boundsOf({ minimum, maximum, maxLength, maxItems }: JsonSchema): string {
  const isBound = (value: number | undefined): value is number =>
    value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  return [
    isBound(minimum) ? `from ${String(minimum)}` : '',
    isBound(maximum) ? `to ${String(maximum)}` : '',
    isBound(maxLength) ? `at most ${String(maxLength)} characters` : '',
    isBound(maxItems) ? `at most ${String(maxItems)}` : '',
  ]
    .filter((bound) => bound !== '')
    .join(' ');
}
