import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { TOPICS } from '#contracts/topics.js';
import { RollbackCommand } from '#contracts/work.messages.js';
import { readEvent, type IncomingMessage } from '#messaging/incoming-message.js';
import { RollbackRunner } from '../rollback.runner.js';

/** Takes the orchestrator's questions. */
@Controller()
export class RollbackConsumer {
  constructor(private readonly runner: RollbackRunner) {}

  /** A batch of one partition, in order; resolves when all of it is committed. */
  @EventPattern(TOPICS.rollbackCommands)
  take(@Payload() messages: IncomingMessage[]): Promise<void> {
    const events = messages.map((message) => readEvent(message, RollbackCommand));
    return this.runner.take(events.map(({ inboxKey, data: command }) => ({ inboxKey, command })));
  }
}
