import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { TOPICS } from '#contracts/topics.js';
import { WatchCommand } from '#contracts/work.messages.js';
import { inboxKeyOf, type IncomingMessage } from '#messaging/incoming-message.js';
import { WatchRunner, type Question } from '../watch.runner.js';

/** Takes the orchestrator's questions. */
@Controller()
export class WatchConsumer {
  constructor(private readonly runner: WatchRunner) {}

  /** A batch of one partition, in order; resolves when all of it is committed. */
  @EventPattern(TOPICS.canaryCommands)
  take(@Payload() messages: IncomingMessage[]): Promise<void> {
    return this.runner.take(messages.map(questionOf));
  }
}

/** Throws when it cannot be read: then it becomes a dead letter and holds up nobody. */
function questionOf(message: IncomingMessage): Question {
  if (message.value === null) throw new Error('a message without a value');
  const event = WatchCommand.parse(JSON.parse(message.value.toString('utf8')));
  return { inboxKey: inboxKeyOf(message, event.id), command: event.data };
}
