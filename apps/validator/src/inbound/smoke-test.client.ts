import { request, type Agent } from 'undici';
import { VALIDATION_LIMITS } from '#core/limits.js';
import { openEgress } from '#targets/egress.js';
import type { SmokeAnswer, SmokeCall } from '../validation.runner.js';

/** Makes one call of a smoke test. Never throws for what the other side does, or does not. */
export type SmokeCaller = (call: SmokeCall, signal: AbortSignal) => Promise<SmokeAnswer>;

/** Connections of one process to one address; the tests of one check come one after the other. */
const CONNECTIONS_PER_ORIGIN = 16;

/** Nothing can have been sent, so it may be tried again. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Calls what a target says is its address. No redirect is followed, and nothing of an answer is
 * read but its status.
 */
export class SmokeTestClient {
  readonly #dispatcher: Agent;

  /** @param allowLinkLocal for an operator whose targets really answer there; never from a tenant */
  constructor(allowLinkLocal: boolean) {
    const connectTimeoutMs = VALIDATION_LIMITS.smokeConnectTimeoutMs;
    const bounds = { connectionsPerOrigin: CONNECTIONS_PER_ORIGIN, connectTimeoutMs };
    this.#dispatcher = openEgress(bounds, allowLinkLocal);
  }

  /** Ends all connections; a call under way has no answer. */
  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }

  readonly call: SmokeCaller = async ({ method, url, body, timeoutMs }, signal) => {
    const startedMs = performance.now();
    try {
      const answer = await request(url, {
        dispatcher: this.#dispatcher,
        method,
        ...sentBody(body),
        // The call's own time limit is the only one.
        headersTimeout: 0,
        bodyTimeout: 0,
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      // However long it is, or never ends: it goes with its connection.
      answer.body.on('error', () => undefined).destroy();
      const durationMs = Math.round(performance.now() - startedMs);
      return { kind: 'ANSWERED', status: answer.statusCode, durationMs };
    } catch (error) {
      return unanswered(error, timeoutMs);
    }
  };
}

function sentBody(body: unknown): { body?: string; headers: Record<string, string> } {
  const headers = { 'user-agent': 'upgrade-orchestrator', accept: '*/*' };
  if (body === null || body === undefined) return { headers };
  if (typeof body === 'string') {
    return { body, headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' } };
  }
  return {
    body: JSON.stringify(body),
    headers: { ...headers, 'content-type': 'application/json' },
  };
}

function unanswered(error: unknown, timeoutMs: number): SmokeAnswer {
  const { name, message, code } = error as Error & { readonly code?: string };
  if (name === 'TimeoutError') {
    return { kind: 'NO_ANSWER', problem: `no answer in ${timeoutMs / 1_000} s` };
  }
  const problem = code === undefined ? message : `${code}: ${message}`;
  const isSafe = code !== undefined && NOT_CONNECTED.has(code);
  return { kind: isSafe ? 'NOT_CONNECTED' : 'NO_ANSWER', problem };
}
