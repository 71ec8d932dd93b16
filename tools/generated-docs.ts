/** The pages that are made from code, each with where it lies. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { CONFIGURED, configTable, withTable } from './docs/config-table.js';
import { failuresSection } from './docs/failures.js';
import { eventsDoc } from './events-doc.js';
import { stateMachineDoc } from './state-machine-doc.js';

const README = new URL('../README.md', import.meta.url);

export interface GeneratedDoc {
  readonly path: string;
  readonly url: URL;
  readonly text: string;
}

export function generatedDocs(): Promise<GeneratedDoc[]> {
  return Promise.all([
    doc('docs/STATE_MACHINE.md', stateMachineDoc()),
    doc('docs/EVENTS.md', `${eventsDoc()}\n${failuresSection()}`),
    // Written by hand but for its table of configuration.
    doc('README.md', withTable(readFileSync(README, 'utf8'), configTable(CONFIGURED))),
  ]);
}

/** Formatted like every other page, or the format check would want to change it. */
async function doc(path: string, made: string): Promise<GeneratedDoc> {
  const url = new URL(`../${path}`, import.meta.url);
  const config = await resolveConfig(fileURLToPath(url));
  return { path, url, text: await format(made, { ...config, parser: 'markdown' }) };
}
