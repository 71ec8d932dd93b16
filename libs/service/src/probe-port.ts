import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ARRIVAL_LIMITS } from './service-limits.js';

/**
 * The HTTP side of a service that people ask nothing: it answers probes and scrapes (`/healthz`,
 * `/readyz`, `/metrics`). What comes there is as bounded as anywhere: whoever sends slowly, much, or
 * on many connections is let go.
 */
export function createProbeAdapter(): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: ARRIVAL_LIMITS.bodyMaxBytes,
    requestTimeout: ARRIVAL_LIMITS.requestTimeoutMs,
    http: {
      headersTimeout: ARRIVAL_LIMITS.headersTimeoutMs,
      connectionsCheckingInterval: ARRIVAL_LIMITS.lateCheckMs,
      maxHeaderSize: ARRIVAL_LIMITS.headersMaxBytes,
    },
  });
  adapter.getInstance().server.maxConnections = ARRIVAL_LIMITS.connectionsMax;
  return adapter;
}
