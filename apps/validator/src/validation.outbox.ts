/** What a validation says, as the message that is sent. */
import type { Validation, ValidationSaying } from '#core/validation/validation.js';
import { envelope, SOURCES } from '#contracts/envelope.js';
import { TOPICS } from '#contracts/topics.js';
import { VALIDATED_TYPE, type ValidationResult } from '#contracts/work.messages.js';
import type { OutgoingMessage } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';

/** A result's id carries its number, so it is the same however often the result is made. */
export function resultMessage(
  { executionId, kind, handOver, commandId }: Validation,
  { number, state, checks }: ValidationSaying,
  timeMs: number,
): OutgoingMessage {
  const data: ValidationResult['data'] = {
    ...{ executionId, commandId, handOver, kind, state },
    checks: checks.map((check) => ({ ...check, evidence: { ...check.evidence } })),
  };
  const id = ['validation', executionId, kind, handOver, number].join('/');
  const head = {
    id,
    source: SOURCES.validator,
    type: VALIDATED_TYPE,
    subject: executionId,
    timeMs,
  };
  return {
    shard: shardOf(executionId, SHARDS),
    topic: TOPICS.validatorResults,
    key: executionId,
    value: JSON.stringify(envelope(head, data)),
  };
}
