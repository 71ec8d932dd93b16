import { Pool } from 'pg';
import { FLEET_POOL_LIMITS } from './target-limits.js';

/**
 * Connections for the `simulated` driver's fleets: few, opened when the first one is asked for, and
 * apart from those of the service, because they stand for the outside world. The caller ends them.
 */
export function openFleetPool(url: string): Pool {
  const pool = new Pool({
    connectionString: url,
    application_name: 'simulated fleets',
    max: FLEET_POOL_LIMITS.connectionsMax,
    connectionTimeoutMillis: FLEET_POOL_LIMITS.connectMs,
    idleTimeoutMillis: FLEET_POOL_LIMITS.idleMs,
    statement_timeout: FLEET_POOL_LIMITS.statementMs,
  });
  // An idle connection that dies leaves the pool; nobody was using it, so nobody needs to know.
  pool.on('error', () => undefined);
  return pool;
}
