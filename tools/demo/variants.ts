import { blueGreen } from './blue-green.js';
import { canary } from './canary.js';
import type { Demonstration } from './demonstration.js';
import { recreate } from './recreate.js';
import { rollback } from './rollback.js';
import { rolling } from './rolling.js';
import { staged } from './staged.js';

/** What `npm run demo -- <name>` knows; the first is what it shows when no name is given. */
export const VARIANTS: Readonly<Record<string, Demonstration>> = {
  rolling,
  canary,
  'blue-green': blueGreen,
  staged,
  rollback,
  recreate,
};

export const DEFAULT_VARIANT = 'rolling';

/** The variant of that name, or a sentence that lists what there is. */
export function variantOf(args: readonly string[]): Demonstration | string {
  const name = args[0] ?? DEFAULT_VARIANT;
  const found = Object.hasOwn(VARIANTS, name) ? VARIANTS[name] : undefined;
  if (found !== undefined && args.length <= 1) return found;
  const wrong = found === undefined ? `there is no demo "${name}"` : 'one demo at a time';
  return `${wrong}; there are:\n${menu()}`;
}

/** Each by its name, with what it shows. */
export function menu(): string {
  return Object.entries(VARIANTS)
    .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
    .join('\n');
}
