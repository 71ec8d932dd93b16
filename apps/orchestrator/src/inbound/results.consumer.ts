import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import type { z } from 'zod';
import { TOPICS } from '#contracts/topics.js';
import { RollbackResult, ValidationResult, WatchResult } from '#contracts/work.messages.js';
import { readEvent, type IncomingMessage } from '#messaging/incoming-message.js';
import { type Asked, type RawReport } from '../upgrade-asked.runner.js';
import { UpgradeRunner } from '../upgrade.runner.js';

/** What the other services answer. A message that cannot be read throws and is a dead letter. */
@Controller()
export class ResultsConsumer {
  constructor(private readonly runner: UpgradeRunner) {}

  @EventPattern(TOPICS.validatorResults)
  validated(@Payload() messages: IncomingMessage[]): Promise<void> {
    return this.runner.absorb(messages.map((message) => asked(message, ValidationResult, checks)));
  }

  @EventPattern(TOPICS.canaryResults)
  watched(@Payload() messages: IncomingMessage[]): Promise<void> {
    return this.runner.absorb(messages.map((message) => asked(message, WatchResult, canary)));
  }

  @EventPattern(TOPICS.rollbackResults)
  rolledBack(@Payload() messages: IncomingMessage[]): Promise<void> {
    return this.runner.absorb(messages.map((message) => asked(message, RollbackResult, restored)));
  }
}

type Envelope<Data> = z.ZodType<{ id: string; data: Data }>;

function asked<Data extends { executionId: string }>(
  message: IncomingMessage,
  schema: Envelope<Data>,
  reportOf: (data: Data) => RawReport,
): Asked {
  const { inboxKey, data } = readEvent(message, schema);
  return { executionId: data.executionId, inboxKey, input: reportOf(data) };
}

function checks({ kind, handOver, state, checks }: ValidationResult['data']): RawReport {
  if (state === 'RUNNING') return { type: 'CHECKS_PROGRESSED', handOver, kind };
  const type = kind === 'PRE' ? 'PRE_CHECKS_ENDED' : 'POST_CHECKS_ENDED';
  return { type, handOver, checks };
}

function restored({ state, ...answer }: RollbackResult['data']): RawReport {
  const { handOver, setsRestored, restored, leftOver } = answer;
  const done = state !== 'RUNNING';
  return { type: 'ROLLBACK_ANSWERED', handOver, setsRestored, restored, leftOver, done };
}

/** ENDED answers our own END: what it says of the canaries, nobody waits for any more. */
function canary({ executionId: _, commandId: __, state: ___, ...said }: WatchResult['data']) {
  return { type: 'CANARY_WATCHED', ...said } as const;
}
