import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { TOPICS } from '#contracts/topics.js';
import { WatchCommand } from '#contracts/work.messages.js';
import { readEvent, type IncomingMessage } from '#messaging/incoming-message.js';
import { WatchRunner } from '../watch.runner.js';

/** Takes the orchestrator's questions. */
@Controller()
export class WatchConsumer {
  constructor(private readonly runner: WatchRunner) {}

  /** A batch of one partition, in order; resolves when all of it is committed. */
  @EventPattern(TOPICS.canaryCommands)
  take(@Payload() messages: IncomingMessage[]): Promise<void> {
    const events = messages.map((message) => readEvent(message, WatchCommand));
    return this.runner.take(events.map(({ inboxKey, data: command }) => ({ inboxKey, command })));
  }
}
