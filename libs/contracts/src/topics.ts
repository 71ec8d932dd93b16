/** Every topic, with its settings. Created before anything consumes; `<topic>.dlq` beside each. */

export const TOPICS = {
  progress: 'upgrade.progress.v1',
  validatorCommands: 'upgrade.validator.commands.v1',
  validatorResults: 'upgrade.validator.results.v1',
  canaryCommands: 'upgrade.canary.commands.v1',
  canaryResults: 'upgrade.canary.results.v1',
  rollbackCommands: 'upgrade.rollback.commands.v1',
  rollbackResults: 'upgrade.rollback.results.v1',
} as const;

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly retentionMs: number;
  readonly maxMessageBytes: number;
}

const DAY_MS = 86_400_000;

/** A message is at most 1 MB (spec §7). */
export const MESSAGE_MAX_BYTES = 1_048_576;

/** Progress is kept for a week, work for three days: both shorter than the inbox remembers. */
const RETENTION_MS = { progress: 7 * DAY_MS, work: 3 * DAY_MS, deadLetters: 14 * DAY_MS } as const;

export const PARTITIONS = 8;

export function deadLetterTopic(topic: string): string {
  return `${topic}.dlq`;
}

export const TOPIC_SPECS: readonly TopicSpec[] = Object.values(TOPICS).flatMap((name) => [
  {
    name,
    partitions: PARTITIONS,
    retentionMs: name === TOPICS.progress ? RETENTION_MS.progress : RETENTION_MS.work,
    maxMessageBytes: MESSAGE_MAX_BYTES,
  },
  {
    name: deadLetterTopic(name),
    partitions: 1,
    retentionMs: RETENTION_MS.deadLetters,
    maxMessageBytes: MESSAGE_MAX_BYTES,
  },
]);

/** The inbox must outlive every message that could be delivered again. */
export const INBOX_KEPT_MS = 14 * DAY_MS;
