import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { PROXY_LIMITS } from '../fleet-agent-limits.js';
import { FleetRoutes } from './fleet-routes.js';
import { METRICS } from './traffic-counts.js';
import type { Traffic } from './traffic.runner.js';

export const DrainOrder = z.strictObject({
  waitMs: z.number().int().min(0).max(PROXY_LIMITS.drainWaitMaxMs),
  close: z.boolean(),
});

const MetricOrder = z.strictObject({ metric: z.enum(METRICS), ids: z.array(z.string()) });

class ControlError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Where the agent tells the proxy what to do: loopback only, with a token, because everybody on
 * this machine can reach a loopback port.
 */
export function controlServer(traffic: Traffic, token: string): Server {
  return createServer((incoming, answer) => {
    void obey(traffic, token, incoming).then(
      (body) => respond(answer, 200, body),
      (error: unknown) => {
        const status = error instanceof ControlError ? error.status : 500;
        respond(answer, status, {
          title: error instanceof Error ? error.message : 'failed',
          status,
        });
      },
    );
  });
}

async function obey(traffic: Traffic, token: string, incoming: IncomingMessage): Promise<unknown> {
  if (!isToken(incoming.headers.authorization, `Bearer ${token}`)) {
    throw new ControlError(401, 'the token is missing or wrong');
  }
  const { pathname } = new URL(incoming.url ?? '/', 'http://proxy');
  const [fleet, part, instance = ''] = partsOf(pathname);
  if (fleet === undefined) return { pid: process.pid };
  switch (`${incoming.method ?? ''} ${part ?? 'fleet'}`) {
    case 'PUT fleet':
      return traffic.tell(fleet, FleetRoutes.parse(await bodyOf(incoming)));
    case 'DELETE fleet':
      await traffic.forget(fleet);
      return {};
    case 'POST drain': {
      const order = DrainOrder.parse(await bodyOf(incoming));
      const state = await traffic.drain(fleet, instance, order);
      if (state === null) throw new ControlError(404, 'no such instance');
      return state;
    }
    case 'POST metric': {
      const { metric, ids } = MetricOrder.parse(await bodyOf(incoming));
      return { value: traffic.metric(fleet, metric, ids) };
    }
    default:
      throw new ControlError(405, 'no such order');
  }
}

/** `/`, `/<fleet>`, `/<fleet>/metric` or `/<fleet>/drain/<instance>`. */
function partsOf(pathname: string): string[] {
  return pathname.split('/').filter(Boolean).map(decodeURIComponent);
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > PROXY_LIMITS.controlBodyMaxBytes) throw new ControlError(413, 'too long');
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

function isToken(found: string | undefined, expected: string): boolean {
  const a = Buffer.from(found ?? '');
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}

function respond(answer: ServerResponse, status: number, body: unknown): void {
  answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
