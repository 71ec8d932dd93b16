import { Kafka, logLevel, type ISocketFactory } from 'kafkajs';
import { kafkaLogCreator } from '#observability/logger.js';
import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import {
  CLIENT_FIRST_PAUSE_MS,
  CLIENT_PAUSE_MAX_MS,
  CONNECTION_TIMEOUT_MS,
  CONNECT_PAUSE_MS,
  CONNECT_REPORT_MS,
  REQUEST_TIMEOUT_MS,
} from './messaging-limits.js';

/** What it takes to talk to Kafka. */
export interface KafkaAccess {
  /** `host:port` of some brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Log;
  /** Makes the sockets; given by tests that put a faulty network in between. */
  readonly socketFactory?: ISocketFactory;
}

/**
 * A client that waits an outage out. kafkajs' own "infinite" retries end after 8 to 21 s with an
 * error that is not retriable; with this number of them a request lasts as long as the outage, and
 * a consumer is back within two seconds after it.
 */
export function patientKafka(access: KafkaAccess): Kafka {
  return kafkaWith(access, Number.MAX_SAFE_INTEGER);
}

/** A client that gives up after some seconds: for commands a person waits for. */
export function hastyKafka(access: KafkaAccess): Kafka {
  return kafkaWith(access, 5);
}

function kafkaWith(access: KafkaAccess, retries: number): Kafka {
  return new Kafka({
    brokers: [...access.brokers],
    clientId: access.clientId,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: {
      initialRetryTime: CLIENT_FIRST_PAUSE_MS,
      maxRetryTime: CLIENT_PAUSE_MAX_MS,
      retries,
      restartOnFailure: () => Promise.resolve(true),
    },
    logLevel: logLevel.INFO,
    logCreator: kafkaLogCreator(access.log),
    ...(access.socketFactory === undefined ? {} : { socketFactory: access.socketFactory }),
  });
}

/** Connects, however long the broker is away, and says every few seconds that it waits. */
export async function connectPatiently(
  what: string,
  connect: () => Promise<void>,
  surroundings: Pick<KafkaAccess, 'brokers' | 'log'> & { readonly clock: Clock },
  signal?: AbortSignal,
): Promise<void> {
  const { brokers, log, clock } = surroundings;
  const connected = new AbortController();
  const startedMs = clock.nowMs();
  const report = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(CONNECT_REPORT_MS, connected.signal);
      if (connected.signal.aborted) return;
      const waitedMs = clock.nowMs() - startedMs;
      log.warn({ brokers, waitedMs }, `${what} waits for Kafka, which does not answer`);
    }
  };
  void report();
  try {
    for (;;) {
      try {
        await connect();
        return;
      } catch (error) {
        if (signal?.aborted === true) throw error;
        log.warn({ err: error, brokers }, `${what} could not connect to Kafka, trying again`);
        await clock.sleep(CONNECT_PAUSE_MS, signal);
      }
    }
  } finally {
    connected.abort();
  }
}
