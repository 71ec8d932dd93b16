import type { PgTx } from '#postgres/pg-tx.js';
import type { ServiceDatabase } from '#postgres/service-database.js';
import {
  EXPIRED_PER_REQUEST,
  IdempotencyStore,
  judgeKey,
  type Begun,
  type IdempotencyTimes,
  type IdempotentRequest,
  type KeptAnswer,
  type StandingKey,
} from './idempotency.store.js';

interface KeyRow {
  subject: string;
  fingerprint: string;
  lease_until_ms: string;
  expires_at_ms: string;
  answer: KeptAnswer | null;
}

const PURGE = `
  DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
    FOR UPDATE SKIP LOCKED))`;

// Two at once: the second waits for the first one's commit, and then inserts nothing.
const INSERT = `
  INSERT INTO idempotency_keys (tenant_id, route, key, fingerprint, token, subject, lease_until,
    expires_at)
  VALUES ($1, $2, $3, $4, $5, $8, $6, $7) ON CONFLICT DO NOTHING RETURNING token`;

const LOCK = `
  SELECT subject, fingerprint, answer,
    (extract(epoch FROM lease_until) * 1000)::bigint AS lease_until_ms,
    (extract(epoch FROM expires_at) * 1000)::bigint AS expires_at_ms
  FROM idempotency_keys WHERE tenant_id = $1 AND route = $2 AND key = $3 FOR UPDATE`;

const TAKE_OVER = `
  UPDATE idempotency_keys SET fingerprint = $4, token = $5, lease_until = $6, expires_at = $7,
    subject = $8, answer = NULL
  WHERE tenant_id = $1 AND route = $2 AND key = $3`;

export class PgIdempotencyStore extends IdempotencyStore {
  constructor(private readonly database: ServiceDatabase<PgTx>) {
    super();
  }

  override begin(
    request: IdempotentRequest,
    token: string,
    times: IdempotencyTimes,
  ): Promise<Begun> {
    const { nowMs, leaseUntilMs, expiresAtMs } = times;
    const row = [
      ...keyOf(request),
      request.fingerprint,
      token,
      new Date(leaseUntilMs).toISOString(),
      new Date(expiresAtMs).toISOString(),
    ];
    return this.database.transaction(async (tx) => {
      const inserted = await tx.query('idempotency.insert', INSERT, [...row, token]);
      if (inserted.length === 1) {
        const now = new Date(nowMs).toISOString();
        await tx.query('idempotency.purge', PURGE, [now, EXPIRED_PER_REQUEST]);
        return { state: 'BEGUN', subject: token };
      }
      const [found] = await tx.query<KeyRow>('idempotency.lock', LOCK, keyOf(request));
      const standing = found === undefined ? null : standingOf(found);
      const { fingerprint } = request;
      const judged = judgeKey(standing, { fingerprint, token, nowMs });
      if (judged.state === 'BEGUN') {
        await tx.query('idempotency.takeOver', TAKE_OVER, [...row, judged.subject]);
      }
      return judged;
    });
  }

  override async keep(
    request: IdempotentRequest,
    token: string,
    answer: KeptAnswer,
  ): Promise<void> {
    await this.database.transaction((tx) =>
      tx.query(
        'idempotency.keep',
        `UPDATE idempotency_keys SET answer = $5
         WHERE tenant_id = $1 AND route = $2 AND key = $3 AND token = $4`,
        [...keyOf(request), token, JSON.stringify(answer)],
      ),
    );
  }

  override async release(request: IdempotentRequest, token: string): Promise<void> {
    await this.database.transaction((tx) =>
      tx.query(
        'idempotency.release',
        `DELETE FROM idempotency_keys
         WHERE tenant_id = $1 AND route = $2 AND key = $3 AND token = $4`,
        [...keyOf(request), token],
      ),
    );
  }
}

function standingOf(row: KeyRow): StandingKey {
  return {
    subject: row.subject,
    fingerprint: row.fingerprint,
    leaseUntilMs: Number(row.lease_until_ms),
    expiresAtMs: Number(row.expires_at_ms),
    answer: row.answer,
  };
}

function keyOf({ tenantId, route, key }: IdempotentRequest): [string, string, string] {
  return [tenantId, route, key];
}
