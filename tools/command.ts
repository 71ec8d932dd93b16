/** What a command line tool needs around its own work: an orderly end, whatever ends it. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** Something to be undone when the command ends, in reverse order of registration. */
export type CleanUp = () => Promise<void> | void;

export interface Command {
  /** Registers what has to be undone at the end, also after Ctrl-C, SIGTERM and an error. */
  onEnd(cleanUp: CleanUp): void;
  /** Aborted when someone asks the command to end. */
  readonly interrupted: AbortSignal;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const EXIT_USAGE = 2;
/** Whoever read the output has gone, as `head` does. */
const EXIT_UNREAD = 141;

/** What was typed is not what the command takes: its message names the argument, and what it takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * What was typed behind the command. Ends it when that is `--help`, which prints the help, or when
 * an option is mistyped, which prints what is wrong and the help.
 */
export function argumentsOf<Config extends ParseArgsConfig>(
  config: Config,
  help: string,
): ReturnType<typeof parseArgs<Config>> {
  if (process.argv.slice(2).includes('--help')) {
    say(help);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    // Node adds how to pass what begins with a dash as something else, which nothing here takes.
    const [what = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    console.error(`${what}\n\n${help}`);
    process.exit(EXIT_USAGE);
  }
}

/** @throws UsageError unless it is a whole number of at least 1 */
export function countOf(option: string, text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new UsageError(`${option}: expected a whole number from 1, not ${text}`);
}

/** Prints a line of progress. */
export function say(line: string): void {
  console.log(line);
}

/**
 * Runs a tool's main function. A signal, or an output that nobody reads on, aborts `interrupted`,
 * undoes what was registered and ends with the signal's exit code; an error prints its message alone,
 * with the stack when DEBUG is set.
 */
export async function runCommand(
  main: (command: Command) => Promise<number | undefined>,
): Promise<void> {
  const cleanUps: CleanUp[] = [];
  const abort = new AbortController();
  const interruption = new Promise<number>((done) => {
    const interrupt = (code: number): void => {
      abort.abort();
      done(code);
    };
    for (const [name, code] of Object.entries(EXIT_CODES)) {
      process.on(name, () => {
        interrupt(code);
      });
    }
    process.stdout.on('error', () => {
      interrupt(EXIT_UNREAD);
    });
  });
  // Servers and watchdogs do not hold the event loop; the command itself has to.
  const held = setInterval(() => undefined, 60_000);
  cleanUps.push(() => {
    clearInterval(held);
  });
  const command: Command = {
    onEnd: (cleanUp) => cleanUps.push(cleanUp),
    interrupted: abort.signal,
  };
  const code = await Promise.race([main(command).catch(failure), interruption]);
  for (const cleanUp of cleanUps.reverse()) {
    await Promise.resolve()
      .then(cleanUp)
      .catch((error: unknown) => void failure(error));
  }
  process.exit(code ?? 0);
}

function failure(error: unknown): number {
  const debug = process.env['DEBUG'] !== undefined && error instanceof Error;
  console.error(debug ? error.stack : error instanceof Error ? error.message : error);
  return error instanceof UsageError ? EXIT_USAGE : 1;
}

/** Resolves when someone asks the command to end. */
export function untilInterrupted({ interrupted }: Command): Promise<void> {
  return new Promise((done) => {
    if (interrupted.aborted) done();
    else
      interrupted.addEventListener('abort', () => {
        done();
      });
  });
}
