/** What a watch says, as the message that is sent. */
import type { CanaryWatch } from '#core/canary/canary-watch.js';
import type { WatchSaying } from '#core/canary/decide-watch.js';
import { envelope, SOURCES } from '#contracts/envelope.js';
import { MESSAGE_MAX_BYTES, TOPICS } from '#contracts/topics.js';
import { SAMPLES_IN_RESULT_MAX, WATCHED_TYPE, type WatchResult } from '#contracts/work.messages.js';
import type { OutgoingMessage } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';

/** What samples may take of a message: the rest is far smaller than what is left. */
const SAMPLES_MAX_BYTES = MESSAGE_MAX_BYTES / 2;

/** A result's id carries its number, so it is the same however often the result is made. */
export function resultMessage(
  watch: CanaryWatch,
  { number, state }: WatchSaying,
  timeMs: number,
): OutgoingMessage {
  const { executionId, handOver, commandId, verdict, reason, durationOver, totals } = watch;
  const data: WatchResult['data'] = {
    ...{ executionId, commandId, handOver, state, verdict, reason, durationOver },
    totals: { ...totals },
    samples: samplesOf(watch),
  };
  const head = {
    id: ['canary', executionId, handOver, number].join('/'),
    source: SOURCES.canaryMonitor,
    type: WATCHED_TYPE,
    subject: executionId,
    timeMs,
  };
  return {
    shard: shardOf(executionId, SHARDS),
    topic: TOPICS.canaryResults,
    key: executionId,
    value: JSON.stringify(envelope(head, data)),
  };
}

/** The latest that fit: fifty metrics with long texts are more than a message holds. */
function samplesOf({ samples }: CanaryWatch): WatchResult['data']['samples'] {
  const told: WatchResult['data']['samples'] = [];
  let bytes = 0;
  for (const { number, atMs, outcome, findings } of samples
    .slice(-SAMPLES_IN_RESULT_MAX)
    .reverse()) {
    const sample = { number, atMs, outcome, findings: findings.map((one) => ({ ...one })) };
    bytes += Buffer.byteLength(JSON.stringify(sample));
    if (bytes > SAMPLES_MAX_BYTES) break;
    told.unshift(sample);
  }
  return told;
}
