import type { Demonstration } from './demonstration.js';
import { rolling } from './rolling.js';

/** What `npm run demo -- <name>` knows; the first is what it shows when no name is given. */
export const VARIANTS: Readonly<Record<string, Demonstration>> = { rolling };

export const DEFAULT_VARIANT = 'rolling';

/** The variant of that name, or a sentence that lists what there is. */
export function variantOf(args: readonly string[]): Demonstration | string {
  const name = args[0] ?? DEFAULT_VARIANT;
  const found = Object.hasOwn(VARIANTS, name) ? VARIANTS[name] : undefined;
  if (found !== undefined && args.length <= 1) return found;
  const known = Object.entries(VARIANTS).map(
    ([each, { about }]) => `  ${each.padEnd(10)} ${about}`,
  );
  const wrong = found === undefined ? `there is no demo "${name}"` : 'one demo at a time';
  return [`${wrong}; there are:`, ...known].join('\n');
}
