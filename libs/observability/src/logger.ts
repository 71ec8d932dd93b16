import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger } from 'pino';
import type { Log, LogLine } from '#runtime/log.js';

/** What every line says of its process. */
export interface LoggerIdentity {
  readonly service: string;
  readonly replicaId: string;
  /** A level of pino, or `silent`. */
  readonly level: string;
}

/** Fields that are never written, at the top of a line or one level down. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'authorization', 'cookie', 'apiKey'];

/**
 * JSON lines on standard output, written synchronously: the last line before an exit is the one
 * that matters most.
 */
export function createLogger(identity: LoggerIdentity, destination?: DestinationStream): Logger {
  return pino(
    {
      level: identity.level,
      base: { service: identity.service, replica: identity.replicaId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  );
}

/** An entry of kafkajs' logger, as far as it is used here. */
export interface KafkaLogEntry {
  readonly namespace: string;
  /** 1 error, 2 warn, 4 info, 5 debug. */
  readonly level: number;
  readonly log: Readonly<Record<string, unknown>> & { readonly message: string };
}

/**
 * What kafkajs reports as errors and then heals by itself: coordinators that still load right after
 * a broker's start, elections, members that come and go.
 */
const HEALS_BY_ITSELF =
  /loading|not available|not coordinator|rebalanc|re-joining|no leader|leadership election|not the leader|does not host this topic-partition|not aware of this member/i;

/** The same line of kafkajs is written once in this time; it repeats itself at every try. */
const SAME_LINE_EVERY_MS = 10_000;
/** Most lines remembered for that. */
const LINES_REMEMBERED = 200;
/** What our own lines say by other means, and stacks that all lead into kafkajs. */
const LEFT_OUT: ReadonlySet<string> = new Set(['message', 'timestamp', 'logger', 'stack']);

/**
 * kafkajs' log creator over ours. What heals by itself goes down to debug, information too; the
 * errors of a broker that is away are warnings, because waiting for it is what we do.
 */
export function kafkaLogCreator(
  log: Log,
  nowMs: () => number = () => performance.now(),
): () => (entry: KafkaLogEntry) => void {
  const writtenAtMs = new Map<string, number>();
  const isRepeated = (line: string): boolean => {
    const now = nowMs();
    const atMs = writtenAtMs.get(line);
    if (atMs !== undefined && now - atMs < SAME_LINE_EVERY_MS) return true;
    if (writtenAtMs.size >= LINES_REMEMBERED) writtenAtMs.clear();
    writtenAtMs.set(line, now);
    return false;
  };
  return () =>
    ({ namespace, level, log: entry }) => {
      const { message } = entry;
      const detail = typeof entry['error'] === 'string' ? entry['error'] : '';
      const isMinor = level > 2 || HEALS_BY_ITSELF.test(`${message} ${detail}`);
      const write: LogLine = isMinor ? log.debug : log.warn;
      if (!isMinor && isRepeated(`${namespace}: ${message}`)) return;
      const fields = Object.entries(entry).filter(([name]) => !LEFT_OUT.has(name));
      write.call(log, { ...Object.fromEntries(fields), from: `kafkajs/${namespace}` }, message);
    };
}

/** Nest's logger over ours. Nest's own start-up chatter goes down to debug. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Log) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.#write('debug', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#write('debug', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.#write('fatal', message, rest);
  }

  /** Nest's last argument is the context; before it may come a stack. */
  #write(level: keyof Log, message: unknown, rest: readonly unknown[]): void {
    const context = typeof rest.at(-1) === 'string' ? rest.at(-1) : undefined;
    const fields: Record<string, unknown> = { from: context ?? 'nest' };
    if (rest.length > 1) fields['detail'] = rest.slice(0, -1);
    if (message instanceof Error) {
      this.logger[level]({ ...fields, err: message }, message.message);
    } else {
      this.logger[level](fields, typeof message === 'string' ? message : JSON.stringify(message));
    }
  }
}
