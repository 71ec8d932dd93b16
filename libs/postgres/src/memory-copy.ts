/**
 * A copy that shares nothing with what it is of. Rows are plain almost always, and are copied by
 * hand: `structuredClone` is many times as slow. It takes what is not plain (a date, say), and
 * throws for what no row can hold.
 */
export function copyOf<T>(value: T): T {
  return copied(value) as T;
}

function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' ? structuredClone(value) : value;
  }
  if (Array.isArray(value)) return value.map(copied);
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) copy[key] = copied((value as typeof copy)[key]);
  return copy;
}
