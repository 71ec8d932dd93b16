import { LOOPBACK } from './ports.js';
import { STACK_FOLDER } from './stack.js';
import { readState } from './state.js';

/** The brokers a command without a stack of its own talks to. */
export function runningBrokers(): string[] {
  const named = process.env['KAFKA_BROKERS'];
  if (named) return named.split(',').map((broker) => broker.trim());
  const { kafka, docker } = readState(STACK_FOLDER);
  const port = docker?.kafkaPort ?? kafka?.port;
  if (port === undefined) {
    throw new Error('no Kafka is known: set KAFKA_BROKERS, or run `npm start` in another terminal');
  }
  return [`${LOOPBACK}:${String(port)}`];
}
