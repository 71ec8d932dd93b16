import {
  BadRequestException,
  Catch,
  HttpException,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { Log } from '#runtime/log.js';

const PROBLEM_DETAIL_MAX_CHARS = 2_000;
/** Most faults of one request that are named. */
const ISSUES_NAMED = 20;

interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): Reply;
}

/** The path of an issue as a person would write it. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A request that does not fit its schema: every field at fault is named. */
export function unfit(issues: readonly Issue[]): BadRequestException {
  const named = issues.slice(0, ISSUES_NAMED).map(({ message, path = [] }) => {
    const where = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
    return where === '' ? message : `${where}: ${message}`;
  });
  return new BadRequestException(named.join('; '));
}

/** Every error as RFC 9457 `application/problem+json`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const status = statusOf(error);
    if (status >= 500) this.#log.error({ err: error }, 'a request failed');
    // What went wrong inside is for the log, not for whoever asked.
    const isOurs = status < 500 || error instanceof HttpException;
    const detail = isOurs && error instanceof Error ? error.message : 'something went wrong';
    const body = { type: 'about:blank', title: titleOf(status), status };
    const reply = host.switchToHttp().getResponse<Reply>();
    void reply
      .status(status)
      .header('content-type', 'application/problem+json')
      .send({ ...body, detail: detail.slice(0, PROBLEM_DETAIL_MAX_CHARS) });
  }
}

/** Broken or oversized bodies come from Fastify, with a status of their own. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const { statusCode } = error as { statusCode?: unknown };
  const isStatus = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 600;
  return isStatus ? statusCode : 500;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  503: 'Service Unavailable',
};

function titleOf(status: number): string {
  return TITLES[status] ?? (status >= 500 ? 'Internal Server Error' : 'Refused');
}
