/** How the HTTP side of the service is set up: one place for main.ts and for tests. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import {
  Catch,
  HttpException,
  type ArgumentMetadata,
  type ArgumentsHost,
  type ExceptionFilter,
  type PipeTransform,
} from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { Log } from '#runtime/log.js';
import type { IdempotencyRunner } from '../idempotency.runner.js';
import { invalidRequest, Refusal } from '../refusal.js';
import { callerOf, insistOnTenant } from './caller.js';
import { ComponentsController } from './components.controller.js';
import { DeploymentsController } from './deployments.controller.js';
import type { HttpReply, HttpRequest } from './http-reply.js';
import { holdKey, isKeyless, takeKey } from './held-keys.js';
import { PreviewController } from './preview.controller.js';
import { StatisticsController } from './statistics.controller.js';
import { UpgradeActionsController } from './upgrade-actions.controller.js';
import { UpgradeEventsController } from './upgrade-events.controller.js';
import { UpgradePathsController } from './upgrade-paths.controller.js';
import { UpgradesController } from './upgrades.controller.js';
import { parseJsonBody } from './json-body.js';
import { openApiOf } from './openapi.js';
import { fieldProblemsOf, PROBLEM_TYPE, problemOf } from './problem.js';

/** Everything people ask over HTTP; each takes runners, and the stream of events the Clock. */
export const HTTP_CONTROLLERS = [
  ComponentsController,
  UpgradePathsController,
  DeploymentsController,
  PreviewController,
  UpgradesController,
  UpgradeActionsController,
  UpgradeEventsController,
  StatisticsController,
];

/** Status by what Node says was wrong with what came; anything else is no HTTP. */
const UNREADABLE: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** Headers of an answer that belong to it when it is given again. */
const KEPT_HEADERS = ['content-type', 'location', 'etag'] as const;

/** How long a request may take to arrive; left out: as REQUEST_LIMITS says. */
export interface ArrivalLimits {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How often it is looked for those that take longer. */
  readonly lateCheckMs: number;
}

/** The adapter to create the application with. */
export function createHttpAdapter(arrival: ArrivalLimits = REQUEST_LIMITS): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: REQUEST_LIMITS.bodyMaxBytes,
    requestTimeout: arrival.requestTimeoutMs,
    http: {
      headersTimeout: arrival.headersTimeoutMs,
      connectionsCheckingInterval: arrival.lateCheckMs,
      maxHeaderSize: REQUEST_LIMITS.headersMaxBytes,
    },
    // What is on its way at the end is served as ever: the database goes after the last answer.
    return503OnClosing: false,
    clientErrorHandler: answerUnreadable,
    // Errors before there is a route, such as a broken escape in the path.
    frameworkErrors: (error: Error, request: HttpRequest, reply: HttpReply) => {
      answerProblem(error, request, reply, []);
    },
  });
}

/**
 * Bodies, checks, problems, idempotency and `/docs`. To be called once, before `init` or `listen`.
 */
export function configureHttp(
  app: NestFastifyApplication,
  parts: { readonly idempotency: IdempotencyRunner; readonly log: Log },
): void {
  const routes: KnownRoute[] = [];
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRoute', ({ method, url }) => {
    const methods = Array.isArray(method) ? method : [method];
    routes.push({ methods, pattern: patternOf(url) });
  });
  fastify.server.maxConnections = REQUEST_LIMITS.connectionsMax;
  readBodies(app);
  keepAnswers(app, parts.idempotency, parts.log);
  app.useGlobalPipes(new SchemaPipe());
  app.useGlobalFilters(new ProblemFilter(parts.log, routes));
  serveDocs(app);
}

/** What never became a request: too slow, too large, or no HTTP. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy(error);
    return;
  }
  const statusCode = UNREADABLE[error.code ?? ''] ?? 400;
  const { instance: _, ...problem } = problemOf({ statusCode }, '').problem;
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${String(statusCode)} ${STATUS_CODES[statusCode] ?? ''}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${String(Buffer.byteLength(body))}`,
    'connection: close',
  ];
  // Whoever does not read the answer either is not waited for.
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function serveDocs(app: NestFastifyApplication): void {
  SwaggerModule.setup('docs', app, () => openApiOf(app));
}

function readBodies(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  // Packed, a small one could become any size; nobody here has a body that needs it.
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { 'content-encoding': encoding = 'identity' } = request.headers;
    const title = 'The body must be sent as it is: no Content-Encoding';
    done(encoding === 'identity' ? undefined : new Refusal('ENCODED_BODY', 415, title));
  });
  // The limit of their size is the adapter's.
  app.useBodyParser('application/json', {}, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body.toString()));
    } catch (error) {
      done(error as Error, undefined);
    }
  });
  // Fastify would read plain text, and Nest forms, which have no types to be checked.
  fastify.removeContentTypeParser('text/plain');
  app.useBodyParser('application/x-www-form-urlencoded', {}, (_request, _body, done) => {
    done(new Refusal('NOT_JSON', 415, 'The body must be application/json'), undefined);
  });
}

/** `Idempotency-Key`, around everything that answers: pipes and filters included. */
function keepAnswers(app: NestFastifyApplication, runner: IdempotencyRunner, log: Log): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('preHandler', async (request, reply) => {
    const key = keyOf(request);
    if (key === null) return;
    const { tenantId } = request.params as { tenantId?: string };
    const caller = callerOf(request.headers);
    // Before an answer is given again: it may be another tenant's.
    if (tenantId !== undefined) insistOnTenant(caller, tenantId);
    const begun = await runner.begin({
      tenantId: tenantId ?? caller.tenantId ?? '',
      route: `${request.method} ${pathOf(request)}`,
      key,
      query: request.query,
      body: request.body,
    });
    if ('held' in begun) {
      holdKey(request, begun.held);
      return;
    }
    const { status, headers, body } = begun.answer;
    return reply
      .status(status)
      .headers({ ...headers, 'idempotency-replayed': 'true' })
      .send(body);
  });
  fastify.addHook('onSend', async (request, reply, payload) => {
    const key = takeKey(request);
    if (key === undefined) return;
    const headers: Record<string, string> = {};
    for (const name of KEPT_HEADERS) {
      const value = reply.getHeader(name);
      if (value !== undefined) headers[name] = String(value);
    }
    const body = typeof payload === 'string' ? payload : '';
    try {
      await runner.end(key, { status: reply.statusCode, headers, body });
    } catch (error) {
      // What was done is done, and is answered; the key is free again when its lease runs out.
      log.warn({ err: error }, 'an answer was not kept under its idempotency key');
    }
  });
}

function keyOf(request: HttpRequest): string | null {
  const key = request.headers['idempotency-key'];
  if (request.method !== 'POST' || key === undefined || request.is404) return null;
  if (isKeyless(request)) return null;
  const isUsable = typeof key === 'string' && /^[\x21-\x7e]+$/.test(key);
  if (isUsable && key.length <= REQUEST_LIMITS.idempotencyKeyMaxChars) return key;
  const expected = `1 to ${String(REQUEST_LIMITS.idempotencyKeyMaxChars)} visible characters`;
  throw invalidRequest([{ field: 'Idempotency-Key', expected }]);
}

function pathOf({ url }: HttpRequest): string {
  return url.split('?', 1)[0] ?? '';
}

interface KnownRoute {
  readonly methods: readonly string[];
  readonly pattern: RegExp;
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  });
  return new RegExp(`^${parts.join('/')}$`);
}

function methodsAt(path: string, routes: readonly KnownRoute[]): string[] {
  const found = routes.filter(({ pattern }) => pattern.test(path));
  return [...new Set(found.flatMap(({ methods }) => methods))].sort();
}

/** Checks parameters against their schemas, and names those at fault; Nest's own pipe cannot. */
class SchemaPipe implements PipeTransform {
  async transform(value: unknown, { schema, type, data }: ArgumentMetadata): Promise<unknown> {
    if (schema === undefined || type === 'custom') return value;
    const result = await schema['~standard'].validate(value);
    if (result.issues === undefined) return result.value;
    throw invalidRequest(fieldProblemsOf(result.issues, data ?? type));
  }
}

@Catch()
class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly log: Log,
    private readonly routes: readonly KnownRoute[],
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    // Messages come through the same application, and nobody waits for an HTTP answer to them.
    if (host.getType() !== 'http') throw error;
    const http = host.switchToHttp();
    const [request, reply] = [http.getRequest<HttpRequest>(), http.getResponse<HttpReply>()];
    const isOurs = answerProblem(error, request, reply, this.routes);
    if (!isOurs) return;
    const { method } = request;
    this.log.error({ err: error, method, path: pathOf(request) }, 'a request failed unexpectedly');
  }
}

/** Answers with the problem that an error is; true when it was a fault of ours. */
function answerProblem(
  error: unknown,
  request: HttpRequest,
  reply: HttpReply,
  routes: readonly KnownRoute[],
): boolean {
  const path = pathOf(request);
  const { problem, headers, isOurs } = problemOf(notAllowedAt(path, error, routes), path);
  // Closed at once, with the rest of the body unread, the connection would take the answer along:
  // left open, the rest is thrown away as it comes, for no longer than a request may take.
  if (problem.status === 413) reply.removeHeader('connection');
  if (!reply.sent) {
    void reply
      .status(problem.status)
      .headers({ ...headers, 'content-type': PROBLEM_TYPE })
      .send(JSON.stringify(problem));
  }
  return isOurs;
}

/** A path that is there, asked for in a way it does not know: 405 instead of the router's 404. */
function notAllowedAt(path: string, error: unknown, routes: readonly KnownRoute[]): unknown {
  if (!(error instanceof HttpException) || error.getStatus() !== 404) return error;
  const methods = methodsAt(path, routes);
  if (methods.length === 0) return error;
  const allow = { allow: methods.join(', ') };
  return new Refusal('METHOD_NOT_ALLOWED', 405, 'The path does not know this method', {}, allow);
}
