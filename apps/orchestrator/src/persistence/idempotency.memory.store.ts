import type { MemoryTx } from '#postgres/memory-tx.js';
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

interface KeyRow extends StandingKey {
  readonly token: string;
}

const TABLE = 'idempotency_keys';
const TRACES = 'idempotency_traces';

export class MemoryIdempotencyStore extends IdempotencyStore {
  constructor(private readonly database: ServiceDatabase<MemoryTx>) {
    super();
  }

  override begin(
    request: IdempotentRequest,
    token: string,
    times: IdempotencyTimes,
  ): Promise<Begun> {
    const { nowMs, leaseUntilMs, expiresAtMs } = times;
    const { fingerprint } = request;
    return this.database.transaction(async (tx) => {
      const table = tx.table<KeyRow>(TABLE);
      const key = keyOf(request);
      // A row that is not there cannot be locked: a trace, gone with the commit, stands in for it,
      // so that of two at once the second waits for the first.
      await tx.table(TRACES).put(key, {});
      await tx.table(TRACES).delete(key);
      const before = await this.lock(tx, key);
      const judged = judgeKey(before, { fingerprint, token, nowMs });
      if (judged.state !== 'BEGUN') return judged;
      const { subject } = judged;
      const times = { leaseUntilMs, expiresAtMs };
      await table.put(key, { fingerprint, token, subject, ...times, answer: null });
      const expired = await table.scan((row) => row.expiresAtMs <= nowMs);
      for (const one of expired.slice(0, EXPIRED_PER_REQUEST)) await table.delete(one.key);
      return judged;
    });
  }

  override keep(request: IdempotentRequest, token: string, answer: KeptAnswer): Promise<void> {
    return this.database.transaction(async (tx) => {
      const row = await this.lock(tx, keyOf(request));
      if (row?.token !== token) return;
      await tx.table<KeyRow>(TABLE).put(keyOf(request), { ...row, answer });
    });
  }

  override release(request: IdempotentRequest, token: string): Promise<void> {
    return this.database.transaction(async (tx) => {
      const row = await this.lock(tx, keyOf(request));
      if (row?.token === token) await tx.table<KeyRow>(TABLE).delete(keyOf(request));
    });
  }

  private async lock(tx: MemoryTx, key: string): Promise<KeyRow | null> {
    await tx.lockRow(TABLE, key, 'wait');
    return (await tx.table<KeyRow>(TABLE).get(key)) ?? null;
  }
}

function keyOf({ tenantId, route, key }: IdempotentRequest): string {
  return JSON.stringify([tenantId, route, key]);
}
