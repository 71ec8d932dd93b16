/** `npm run stack:start`: Kafka and Postgres for this checkout, until `npm run stack:stop`. */
import { runCommand, say } from '../command.js';
import { startStack } from './stack.js';

await runCommand(async () => {
  const { kafkaBrokers, databaseUrl } = await startStack({ keep: true, report: say });
  say(`KAFKA_BROKERS=${kafkaBrokers}`);
  say(`DATABASE_URL=${databaseUrl}`);
  return 0;
});
