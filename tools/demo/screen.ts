/** Where the demo shows itself: a table that is drawn over itself, or lines one after another. */
import { loadLine, seconds, tableLines, wrapped, type Moment } from './table.js';
import { sentenceOf } from './upgrade-view.js';
import type { ProgressEvent } from '#contracts/progress.messages.js';

export interface Screen {
  /** A line that stays. */
  say(line: string): void;
  /** An event has changed the view. */
  step(event: ProgressEvent, moment: Moment): void;
  /** The moment's notice is a new one. */
  notice(moment: Moment): void;
  /** The present moment, shown where something is drawn again and again. */
  refresh(moment: Moment): void;
  /** The last moment stays on the screen. */
  settle(moment: Moment): void;
}

/** The part of a terminal that is used here. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export function screenFor(terminal: Terminal, env: NodeJS.ProcessEnv): Screen {
  // CI systems may lend a terminal; nobody watches it, and what is kept is a log.
  const isWatched = terminal.isTTY === true && env['CI'] === undefined && env['TERM'] !== 'dumb';
  return isWatched
    ? new LiveScreen(terminal, env['NO_COLOR'] === undefined)
    : new PlainScreen(terminal);
}

/** One line a step. */
class PlainScreen implements Screen {
  constructor(private readonly terminal: Terminal) {}

  say(line: string): void {
    this.terminal.write(`${line}\n`);
  }

  step(event: ProgressEvent, moment: Moment): void {
    this.#say(moment, sentenceOf(event));
    const isOfExecution = !('instanceId' in event.data);
    if (isOfExecution) this.say(`${' '.repeat(17)}${loadLine(moment.load)}`);
  }

  notice(moment: Moment): void {
    this.#say(moment, moment.notice);
  }

  refresh(): void {
    // A log shows what happened, not that time passes.
  }

  settle(): void {
    // The last step stands there already.
  }

  #say({ elapsedMs, view }: Moment, line: string): void {
    const at = seconds(elapsedMs).padStart(7);
    this.say(`${at}  ${String(view.percentage).padStart(3)} %  ${line}`);
  }
}

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[0J';

class LiveScreen implements Screen {
  #drawnLines = 0;

  constructor(
    private readonly terminal: Terminal,
    private readonly colour: boolean,
  ) {}

  say(text: string): void {
    const lines = wrapped(text, this.terminal.columns ?? 80).join('\n');
    this.terminal.write(`${this.#over()}${CLEAR_BELOW}${lines}\n`);
    this.#drawnLines = 0;
  }

  step(_event: ProgressEvent, moment: Moment): void {
    this.refresh(moment);
  }

  notice(moment: Moment): void {
    this.refresh(moment);
  }

  refresh(moment: Moment): void {
    const { columns = 80, rows = 24 } = this.terminal;
    const lines = tableLines(moment, { columns, rows, colour: this.colour });
    // Written in one piece, or the terminal would show a half-drawn table.
    const text = lines.map((line) => `${line}\u001b[K`).join('\n');
    this.terminal.write(`${HIDE_CURSOR}${this.#over()}${text}\n${CLEAR_BELOW}${SHOW_CURSOR}`);
    this.#drawnLines = lines.length;
  }

  settle(moment: Moment): void {
    this.refresh(moment);
    this.#drawnLines = 0;
  }

  #over(): string {
    return this.#drawnLines > 0 ? `\u001b[${String(this.#drawnLines)}A\r` : '';
  }
}
