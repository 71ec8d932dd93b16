import { INBOX_KEPT_MS } from '#contracts/topics.js';
import { DatabaseOutbox, type ExpandPointers } from '#messaging/database-outbox.js';
import type { DeadLetters } from '#messaging/dead-letters.js';
import type { MessageProducer } from '#messaging/message-bus.js';
import { noMeter, type MessagingMeter } from '#messaging/messaging-meter.js';
import { OutboxDeadLetters } from '#messaging/outbox-dead-letters.js';
import { OutboxRelay } from '#messaging/outbox-relay.js';
import { ServiceLoops } from '#messaging/service-loops.js';
import type { ServiceDatabase, ServiceTx } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';

/** What every service stands on: the real parts in a process, twins under simulation. */
export interface PlumbingParts {
  readonly database: ServiceDatabase<ServiceTx>;
  readonly leases: ShardLeases;
  readonly producer: MessageProducer;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter?: MessagingMeter;
}

/** What every service puts together of it alike. */
export interface Plumbing {
  readonly loops: ServiceLoops;
  readonly deadLetters: DeadLetters;
  /** For the service's own loops: a run that failed is logged, and made again. */
  readonly onError: (error: unknown, loop: string) => void;
}

/** @param expand for a service whose outbox points at things instead of holding messages */
export function plumbingOf(parts: PlumbingParts, expand?: ExpandPointers): Plumbing {
  const { database, leases, producer, clock, log, meter = noMeter } = parts;
  const onError = (err: unknown, loop: string): void => {
    log.warn({ err, loop }, 'a run failed and is made again');
  };
  const outbox = new DatabaseOutbox(database, leases, expand);
  const relay = new OutboxRelay(outbox, producer, clock, meter);
  const inboxKeptMs = INBOX_KEPT_MS;
  const loops = new ServiceLoops({ leases, relay, database, clock, onError, inboxKeptMs });
  const deadLetters = new OutboxDeadLetters(database, clock, () => {
    loops.wakeRelay();
  });
  return { loops, deadLetters, onError };
}
