/**
 * `npm run doctor`: finds and explains differences between what the databases of the services say,
 * what the topics say and what the targets say. It changes nothing, but with `--fix`, all four
 * services stopped, what is safe to repair (tools/doctor/repairs.ts says why).
 */
import { argumentsOf, runCommand, say } from './command.js';
import { repairsFor } from './doctor/diagnose.js';
import { examine, reasonOf, type Examined } from './doctor/examination.js';
import type { Diagnosis } from './doctor/finding.js';
import { repair, RepairRefusedError } from './doctor/repairs.js';
import { exitCodeOf, leftOf, mendedLines, reportLines } from './doctor/report-lines.js';
import { runningBrokers } from './stack/running-brokers.js';
import { runningDatabase } from './stack/running-database.js';

const COULD_NOT_LOOK = 2;

const HELP = `npm run doctor -- [--tenant <id>] [--json] [--fix]

Says where databases, topics and targets differ, what that means, and what to do. Changes nothing.

  --tenant <id>  that tenant alone; the rest is not looked at
  --json         for scripts
  --fix          with all four services stopped: mends what is safe to mend, looks again, and says
                 what was mended and what is left

Ends with 0 when nothing was found (with --fix: when nothing is left but what ends when the services
start), with 1 when something was (is left), with 2 when a part could not be asked, no such tenant
is known, or it was asked for something else. Servers are those of DATABASE_URL and KAFKA_BROKERS, else of the stack that runs in this
checkout.`;

const { values } = argumentsOf(
  {
    options: {
      tenant: { type: 'string' },
      json: { type: 'boolean', default: false },
      fix: { type: 'boolean', default: false },
    },
  },
  HELP,
);

await runCommand(async () => {
  try {
    return await main();
  } catch (error) {
    console.error(`could not look: ${reasonOf(error)}`);
    return COULD_NOT_LOOK;
  }
});

async function main(): Promise<number> {
  const databaseUrl = runningDatabase();
  if (!URL.canParse(databaseUrl)) throw new Error('DATABASE_URL is no URL');
  const asked = { databaseUrl, brokers: runningBrokers(), tenant: values.tenant ?? null };
  const diagnosis = await examine(asked);
  if (!values.json) for (const line of reportLines(diagnosis)) say(line);
  const mended = values.fix ? await mend(asked, diagnosis) : null;
  if (mended === null) {
    if (values.json) say(JSON.stringify(diagnosis, null, 2));
    return exitCodeOf(diagnosis);
  }
  const { done, after } = mended;
  const left = leftOf(after);
  if (values.json) say(JSON.stringify({ ...diagnosis, repaired: done, left }, null, 2));
  else for (const line of mendedLines(done, after)) say(line);
  return exitCodeOf({ findings: left, notLookedAt: after.notLookedAt });
}

interface Mended {
  /** A line each. */
  readonly done: readonly string[];
  readonly after: Diagnosis;
}

/** Null: nothing was found that could be mended, or it is refused, and that is said. */
async function mend(asked: Examined, before: Diagnosis): Promise<Mended | null> {
  if (before.findings.length === 0) return null;
  const done: string[] = [];
  try {
    await repair(asked.databaseUrl, repairsFor(before.findings), (line) => done.push(line));
  } catch (error) {
    for (const line of done) console.error(`done before it failed: ${line}`);
    if (!(error instanceof RepairRefusedError)) throw error;
    console.error(error.message);
    return null;
  }
  return { done, after: done.length === 0 ? before : await examine(asked) };
}
