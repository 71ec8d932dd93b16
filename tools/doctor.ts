/**
 * `npm run doctor`: finds and explains differences between what the databases of the services say,
 * what the topics say and what the targets say. It changes nothing, but with `--fix`, all four
 * services stopped, what is safe to repair (tools/doctor/repairs.ts says why).
 *
 *   npm run doctor -- [--tenant <id>] [--json] [--fix]
 *
 * Ends with 0 when nothing was found, 1 with findings, 2 when a part could not be asked. Servers
 * are those of DATABASE_URL and KAFKA_BROKERS, else of the stack that runs in this checkout.
 */
import { parseArgs } from 'node:util';
import { runCommand, say } from './command.js';
import { repairsFor } from './doctor/diagnose.js';
import { examine, reasonOf } from './doctor/examination.js';
import type { Diagnosis } from './doctor/finding.js';
import { repair, ServicesRunError } from './doctor/repairs.js';
import { exitCodeOf, reportLines } from './doctor/report-lines.js';
import { runningBrokers } from './stack/running-brokers.js';
import { runningDatabase } from './stack/running-database.js';

const COULD_NOT_LOOK = 2;

await runCommand(async () => {
  try {
    return await main();
  } catch (error) {
    console.error(`could not look: ${reasonOf(error)}`);
    return COULD_NOT_LOOK;
  }
});

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      tenant: { type: 'string' },
      json: { type: 'boolean', default: false },
      fix: { type: 'boolean', default: false },
    },
  });
  const databaseUrl = runningDatabase();
  if (!URL.canParse(databaseUrl)) throw new Error('DATABASE_URL is no URL');
  const asked = { databaseUrl, brokers: runningBrokers(), tenant: values.tenant ?? null };
  const diagnosis = await examine(asked);
  if (!values.json) for (const line of reportLines(diagnosis)) say(line);
  const done = values.fix ? await repaired(databaseUrl, diagnosis) : [];
  if (values.json) {
    say(JSON.stringify({ ...diagnosis, ...(values.fix && { repaired: done }) }, null, 2));
  } else {
    for (const line of done) say(`✓ ${line}`);
    if (done.length > 0) say('start the services, then run it once more');
  }
  return exitCodeOf(diagnosis);
}

/** What was done, a line each. While services run nothing is, and that is said. */
async function repaired(databaseUrl: string, { findings }: Diagnosis): Promise<string[]> {
  const done: string[] = [];
  try {
    await repair(databaseUrl, repairsFor(findings), (line) => done.push(line));
  } catch (error) {
    if (!(error instanceof ServicesRunError)) throw error;
    console.error(error.message);
  }
  return done;
}
