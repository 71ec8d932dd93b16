/** Answers that are given again to a request that comes again with its `Idempotency-Key`. */

/** What tells a request from others; a key means something only for one tenant and route. */
export interface IdempotentRequest {
  /** '' when the route belongs to no tenant and none is named. */
  readonly tenantId: string;
  /** Method and path, ids included. */
  readonly route: string;
  readonly key: string;
  /** A hash of query and body. */
  readonly fingerprint: string;
}

export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Begun =
  /**
   * Nobody has asked this, or who did never answered: go on. `subject` is a UUID that stays the
   * same over all tries of the key: what is created under it is found again by the next try.
   */
  | { readonly state: 'BEGUN'; readonly subject: string }
  | { readonly state: 'ANSWERED'; readonly answer: KeptAnswer }
  | { readonly state: 'IN_FLIGHT' }
  /** The key was used for something else. */
  | { readonly state: 'OTHER_REQUEST' };

export interface IdempotencyTimes {
  readonly nowMs: number;
  /** Until then nobody else may go on with the key; a crash in flight locks it no longer. */
  readonly leaseUntilMs: number;
  /** After this the key is forgotten. */
  readonly expiresAtMs: number;
}

export abstract class IdempotencyStore {
  /**
   * Takes the key under `token` (a UUID of this try), or says how it stands. Of two at once exactly
   * one begins. Removes a few expired keys on the way, so that the table stays bounded.
   */
  abstract begin(
    request: IdempotentRequest,
    token: string,
    times: IdempotencyTimes,
  ): Promise<Begun>;
  /** Keeps the answer, if the key is still held under this token. */
  abstract keep(request: IdempotentRequest, token: string, answer: KeptAnswer): Promise<void>;
  /** Gives the key back without an answer, if it is still held under this token. */
  abstract release(request: IdempotentRequest, token: string): Promise<void>;
}

/** Expired keys removed on the way of one request: more than one request adds. */
export const EXPIRED_PER_REQUEST = 10;

/** What stands under a key, as both stores read it. */
export interface StandingKey {
  readonly subject: string;
  readonly fingerprint: string;
  readonly leaseUntilMs: number;
  readonly expiresAtMs: number;
  readonly answer: KeptAnswer | null;
}

/**
 * BEGUN when the key is free to be taken: unknown or expired, then under `token`, or left by a try
 * that never answered, then under that one's subject.
 */
export function judgeKey(
  standing: StandingKey | null,
  asked: { readonly fingerprint: string; readonly token: string; readonly nowMs: number },
): Begun {
  if (standing === null || standing.expiresAtMs <= asked.nowMs) {
    return { state: 'BEGUN', subject: asked.token };
  }
  if (standing.fingerprint !== asked.fingerprint) return { state: 'OTHER_REQUEST' };
  if (standing.answer !== null) return { state: 'ANSWERED', answer: standing.answer };
  if (standing.leaseUntilMs > asked.nowMs) return { state: 'IN_FLIGHT' };
  return { state: 'BEGUN', subject: standing.subject };
}
