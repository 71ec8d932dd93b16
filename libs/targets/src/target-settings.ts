import type { z } from 'zod';
import { TargetSettingsError } from './target.driver.js';

/**
 * Checks a driver's settings against its schema.
 * @throws TargetSettingsError that names every field at fault, as `settings.<path>`
 */
export function parseSettings<T extends z.ZodType>(
  schema: T,
  settings: Readonly<Record<string, unknown>>,
): z.output<T> {
  const result = schema.safeParse(settings);
  if (result.success) return result.data;
  throw new TargetSettingsError(
    result.error.issues.flatMap((issue) => {
      const path = ['settings', ...issue.path.map(String)].join('.');
      if (issue.code !== 'unrecognized_keys') return [{ field: path, expected: issue.message }];
      return issue.keys.map((key) => ({ field: `${path}.${key}`, expected: 'no such setting' }));
    }),
  );
}
