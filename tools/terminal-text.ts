/** What others have said, for a terminal: it shows it, and finds nothing in it to obey. */
export function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '·');
}
