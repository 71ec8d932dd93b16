import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIGURED, configTable, withTable } from './config-table.js';
import { eventsDoc } from './events.js';
import { stateMachineDoc } from './state-machine.js';

export interface GeneratedPage {
  /** From the checkout's root. */
  readonly path: string;
  readonly make: () => string;
}

/** Every page that is made from code, whole or between markers. */
export function generatedPages(root: string): readonly GeneratedPage[] {
  return [
    {
      path: 'README.md',
      make: () => withTable(readFileSync(join(root, 'README.md'), 'utf8'), configTable(CONFIGURED)),
    },
    { path: 'docs/STATE_MACHINE.md', make: stateMachineDoc },
    { path: 'docs/EVENTS.md', make: eventsDoc },
  ];
}
