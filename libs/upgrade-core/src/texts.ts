/** Text that others wrote and we keep: bounded, and such that any database and any reader takes it. */

/** At most `maxChars`; without NULs and halves of characters, which Postgres refuses for ever. */
export function clipped(text: string, maxChars: number): string {
  const cut = text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`;
  return cut.replaceAll('\u0000', '').toWellFormed();
}
