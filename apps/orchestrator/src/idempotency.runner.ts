import { createHash, randomUUID } from 'node:crypto';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { Clock } from '#runtime/clock.js';
import type {
  IdempotencyStore,
  IdempotentRequest,
  KeptAnswer,
} from './persistence/idempotency.store.js';
import { Refusal } from './refusal.js';

export type { KeptAnswer };

/** A try that may go on: what it creates is created under `subject`, a UUID of the key. */
export interface HeldKey {
  readonly request: IdempotentRequest;
  readonly token: string;
  readonly subject: string;
}

/** `Idempotency-Key` (spec §2): the first answer is given again for 24 hours. */
export class IdempotencyRunner {
  constructor(
    private readonly store: IdempotencyStore,
    private readonly clock: Clock,
  ) {}

  /**
   * Takes the key, or answers what was answered before. Throws a Refusal: 422 when the key was used
   * for another request, 409 while the first is in flight.
   */
  async begin(
    asked: Omit<IdempotentRequest, 'fingerprint'> & { query: unknown; body: unknown },
  ): Promise<{ held: HeldKey } | { answer: KeptAnswer }> {
    const { query, body, ...named } = asked;
    const request = { ...named, fingerprint: fingerprintOf(query, body) };
    const token = randomUUID();
    const nowMs = this.clock.nowMs();
    const begun = await this.store.begin(request, token, {
      nowMs,
      leaseUntilMs: nowMs + REQUEST_LIMITS.idempotencyLeaseMs,
      expiresAtMs: nowMs + REQUEST_LIMITS.idempotencyKeptMs,
    });
    switch (begun.state) {
      case 'BEGUN':
        return { held: { request, token, subject: begun.subject } };
      case 'ANSWERED':
        return { answer: begun.answer };
      case 'IN_FLIGHT': {
        const title = 'A request with this Idempotency-Key is in flight';
        throw new Refusal('IDEMPOTENCY_KEY_IN_FLIGHT', 409, title, {}, { 'retry-after': '1' });
      }
      case 'OTHER_REQUEST': {
        const title = 'This Idempotency-Key was used for another request';
        throw new Refusal('IDEMPOTENCY_KEY_REUSED', 422, title);
      }
    }
  }

  /** Keeps an answer; one of 5xx is not kept, and the key is free again. */
  end({ request, token }: HeldKey, answer: KeptAnswer): Promise<void> {
    return answer.status >= 500
      ? this.store.release(request, token)
      : this.store.keep(request, token, answer);
  }
}

/** The same for the same values in whatever order their fields stand. */
function fingerprintOf(query: unknown, body: unknown): string {
  const text = JSON.stringify([query ?? null, body ?? null], (_, value: unknown) =>
    isPlain(value) ? Object.fromEntries(Object.entries(value).sort(byName)) : value,
  );
  return createHash('sha256').update(text).digest('base64url');
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
