import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { TOPICS } from '#contracts/topics.js';
import { ValidateCommand } from '#contracts/work.messages.js';
import { readEvent, type IncomingMessage } from '#messaging/incoming-message.js';
import { ValidationRunner } from '../validation.runner.js';

/** Takes the orchestrator's questions. */
@Controller()
export class ValidationConsumer {
  constructor(private readonly runner: ValidationRunner) {}

  /** A batch of one partition, in order; resolves when all of it is committed. */
  @EventPattern(TOPICS.validatorCommands)
  take(@Payload() messages: IncomingMessage[]): Promise<void> {
    const events = messages.map((message) => readEvent(message, ValidateCommand));
    return this.runner.take(events.map(({ inboxKey, data: command }) => ({ inboxKey, command })));
  }
}
