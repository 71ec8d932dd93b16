/** What happened, a line each: printed when wanted, and always in a hash that tells runs apart. */
export class Trace {
  /** How many lines there were. */
  traced = 0;
  #hash = 0x811c9dc5;

  /** @param onLine told of every line */
  constructor(
    private readonly sinceMs: number,
    private readonly nowMs: () => number,
    private readonly onLine?: (line: string) => void,
  ) {}

  line(who: string, what: string): void {
    const line = `${String(this.nowMs() - this.sinceMs).padStart(9)} ms  ${who.padEnd(18)} ${what}`;
    this.traced += 1;
    for (let at = 0; at < line.length; at += 1) {
      this.#hash = Math.imul(this.#hash ^ line.charCodeAt(at), 0x01000193);
    }
    this.onLine?.(line);
  }

  /** The same for the same lines. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }
}
