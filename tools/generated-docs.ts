/** The pages that are made from code, each with where it lies. */
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { eventsDoc } from './events-doc.js';
import { stateMachineDoc } from './state-machine-doc.js';

export interface GeneratedDoc {
  readonly path: string;
  readonly url: URL;
  readonly text: string;
}

export function generatedDocs(): Promise<GeneratedDoc[]> {
  return Promise.all([
    doc('docs/STATE_MACHINE.md', stateMachineDoc()),
    doc('docs/EVENTS.md', eventsDoc()),
  ]);
}

/** Formatted like every other page, or the format check would want to change it. */
async function doc(path: string, made: string): Promise<GeneratedDoc> {
  const url = new URL(`../${path}`, import.meta.url);
  const config = await resolveConfig(fileURLToPath(url));
  return { path, url, text: await format(made, { ...config, parser: 'markdown' }) };
}
