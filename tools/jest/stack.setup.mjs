// Not TypeScript: jest would compile that to CommonJS, and everything it imports with it.
import { startStack } from '../stack/stack.ts';

/**
 * Before tests that need a real part: one throw-away Kafka and Postgres for the whole run, under
 * the names the services read them by. Servers named in the environment are used as they are.
 */
export default async function setUpStack() {
  if (globalThis.testStack) return;
  const named = Boolean(process.env.KAFKA_BROKERS && process.env.DATABASE_URL);
  const stack = await startStack({ private: !named, report: console.log });
  globalThis.testStack = stack;
  process.env.KAFKA_BROKERS = stack.kafkaBrokers;
  process.env.DATABASE_URL = stack.databaseUrl;
}
