import {
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { PROXY_LIMITS } from '../fleet-agent-limits.js';
import type { RoutingTable, UnderWay, Upstream } from './routing.js';

/**
 * Takes one request to one of a fleet's instances. A request that no instance has received goes to
 * another one; one that may have been received is repeated only if that can do no harm.
 * @param table asked for anew at each attempt
 * @param silenceMs how long an instance may send nothing; left out: as PROXY_LIMITS says
 */
export function forward(
  table: () => RoutingTable,
  incoming: IncomingMessage,
  answer: ServerResponse,
  silenceMs: number = PROXY_LIMITS.upstreamSilenceMs,
): void {
  offer({ table, incoming, answer, silenceMs, tried: new Set() });
}

interface Offer {
  readonly table: () => RoutingTable;
  readonly incoming: IncomingMessage;
  readonly answer: ServerResponse;
  readonly silenceMs: number;
  readonly tried: Set<Upstream>;
}

function offer(given: Offer): void {
  const { table, answer, tried, incoming } = given;
  const upstream = tried.size < PROXY_LIMITS.attemptsMax ? table().pick(tried) : null;
  if (upstream !== null) {
    tried.add(upstream);
    send(given, upstream);
    return;
  }
  // What the client still sends is not wanted; without this its connection could not be used again.
  incoming.resume();
  if (tried.size === 0) refuse(answer, 503, 'No instance is admitted to traffic');
  else refuse(answer, 502, 'No instance could be reached');
}

function send(given: Offer, upstream: Upstream): void {
  const { incoming, answer, silenceMs } = given;
  const beganAtMs = performance.now();
  let isConnected = false;
  let isOver = false;
  let isCut = false;
  let answeredAtMs: number | null = null;
  const outgoing = request({
    host: '127.0.0.1',
    port: upstream.port,
    method: incoming.method,
    path: incoming.url,
    headers: forwarded(incoming),
    agent: upstream.sockets,
    setHost: false,
  });
  const exchange: UnderWay = {
    cut: () => {
      isCut = true;
      outgoing.destroy(new Error('the drain time is over'));
      answer.destroy();
    },
  };
  const over = (isError: boolean): void => {
    if (isOver) return;
    isOver = true;
    answer.off('close', abandon);
    upstream.end(exchange);
    // What we cut ourselves says nothing about the instance.
    if (isCut) return;
    const nowMs = performance.now();
    const latencyMs = (answeredAtMs ?? nowMs) - beganAtMs;
    upstream.counts.count({ latencyMs, isError }, nowMs);
  };
  const abandon = (): void => {
    outgoing.destroy();
    over(false);
  };
  upstream.begin(exchange);
  answer.on('close', abandon);
  outgoing.setTimeout(silenceMs, () => outgoing.destroy(new SilenceError()));
  outgoing.once('socket', (socket) => {
    const begin = (): void => {
      isConnected = true;
      incoming.pipe(outgoing);
    };
    // A body must not flow before there is somebody to take it, or it could not be sent elsewhere.
    if (socket.connecting) socket.once('connect', begin);
    else begin();
  });
  outgoing.once('response', (response) => {
    answeredAtMs = performance.now();
    pass(response, answer, over);
  });
  outgoing.on('error', (error) => {
    if (isOver) return;
    incoming.unpipe(outgoing);
    over(true);
    if (answer.destroyed) return;
    if (answer.headersSent) answer.destroy();
    else if (!isConnected || isHarmless(incoming)) offer(given);
    else if (error instanceof SilenceError)
      refuse(answer, 504, 'The instance did not answer in time');
    else refuse(answer, 502, 'The instance broke off');
  });
}

class SilenceError extends Error {}

function pass(
  response: IncomingMessage,
  answer: ServerResponse,
  over: (isError: boolean) => void,
): void {
  const status = response.statusCode ?? 502;
  answer.writeHead(status, response.statusMessage, endToEnd(response.headers));
  response.pipe(answer);
  response.once('end', () => over(status >= 500));
  // Broken off in the middle: the client must not take the part for the whole.
  response.once('error', () => {
    over(true);
    answer.destroy();
  });
  response.once('close', () => over(true));
}

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Whether repeating cannot do anything twice, and can be done: a body that has flowed is gone. */
function isHarmless(incoming: IncomingMessage): boolean {
  return REPEATABLE.has(incoming.method ?? '') && !hasBody(incoming.headers);
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** Headers that speak of one connection, not of the message (RFC 9110 §7.6.1). */
const ONE_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = new Set((headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !ONE_HOP.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
}

function forwarded(incoming: IncomingMessage): Record<string, string | string[]> {
  const headers = endToEnd(incoming.headers);
  const before = incoming.headers['x-forwarded-for'];
  const client = incoming.socket.remoteAddress ?? 'unknown';
  headers['x-forwarded-for'] = before === undefined ? client : `${String(before)}, ${client}`;
  const isChunked = hasBody(incoming.headers) && incoming.headers['content-length'] === undefined;
  if (isChunked) headers['transfer-encoding'] = 'chunked';
  return headers;
}

function refuse(answer: ServerResponse, status: number, title: string): void {
  const body = JSON.stringify({ title, status });
  const headers = { 'content-type': 'application/problem+json', 'retry-after': '1' };
  answer.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}
