/** Writes one line: what belongs to it as fields, then what happened in words. */
export type LogLine = (fields: Record<string, unknown>, message: string) => void;

/** What a library needs of a logger; pino's own is one. `err` is the field for an error. */
export interface Log {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
  readonly fatal: LogLine;
}

const nothing: LogLine = () => undefined;

/** A log that keeps nothing: for tests and simulation. */
export const silentLog: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
};
