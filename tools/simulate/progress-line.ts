/** How far a long run is: one line that is written over in a terminal, a line now and then in a pipe. */

const IN_TERMINAL_EVERY_MS = 200;
const IN_PIPE_EVERY_MS = 20_000;
const CLEAR_LINE = '\r\x1b[2K';

/** Where the line goes: the standard output, say. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class ProgressLine {
  readonly #everyMs: number;
  #shownAtMs: number;
  #isShown = false;

  /** @param nowMs of a clock that only goes forward */
  constructor(
    private readonly output: Output,
    private readonly nowMs: () => number,
  ) {
    this.#everyMs = output.isTTY === true ? IN_TERMINAL_EVERY_MS : IN_PIPE_EVERY_MS;
    this.#shownAtMs = nowMs();
  }

  /** Shows it, unless the last one was shown just now. */
  show(line: () => string): void {
    const nowMs = this.nowMs();
    if (nowMs - this.#shownAtMs < this.#everyMs) return;
    this.#shownAtMs = nowMs;
    if (this.output.isTTY !== true) {
      this.output.write(`${line()}\n`);
      return;
    }
    this.output.write(CLEAR_LINE + line());
    this.#isShown = true;
  }

  /** Makes room for a line that stays. */
  clear(): void {
    if (this.#isShown) this.output.write(CLEAR_LINE);
    this.#isShown = false;
  }
}
