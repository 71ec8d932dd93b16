import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  EXPIRED_PER_REQUEST,
  type IdempotencyStore,
  type IdempotentRequest,
  type KeptAnswer,
} from './idempotency.store.js';

export interface IdempotencyUnderTest {
  readonly store: IdempotencyStore;
  /** How many keys stand there. */
  keys(): Promise<number>;
  close(): Promise<void>;
}

const AT_MS = Date.UTC(2026, 0, 2);
const ANSWER: KeptAnswer = { status: 201, headers: { location: '/x' }, body: '{"id":"ä"}' };

export function idempotencyContract(open: () => Promise<IdempotencyUnderTest>): void {
  let tested: IdempotencyUnderTest;
  let store: IdempotencyStore;
  let request: IdempotentRequest;
  beforeEach(async () => {
    tested = await open();
    store = tested.store;
    request = { tenantId: 'acme', route: 'POST /x', key: randomUUID(), fingerprint: 'one' };
  });
  afterEach(() => tested.close());

  const times = (nowMs: number) => ({
    nowMs,
    leaseUntilMs: nowMs + 1_000,
    expiresAtMs: nowMs + 10_000,
  });
  const begin = (more: Partial<IdempotentRequest> = {}, nowMs = AT_MS, token = randomUUID()) =>
    store.begin({ ...request, ...more }, token, times(nowMs));

  describe('a key', () => {
    it('is begun once, in flight until answered, then answered for as long as it is kept', async () => {
      const token = randomUUID();
      expect(await begin({}, AT_MS, token)).toEqual({ state: 'BEGUN', subject: token });
      expect(await begin({}, AT_MS + 999)).toEqual({ state: 'IN_FLIGHT' });
      await store.keep(request, token, ANSWER);
      expect(await begin({}, AT_MS + 9_999)).toEqual({ state: 'ANSWERED', answer: ANSWER });
      const again = randomUUID();
      const anew = { state: 'BEGUN', subject: again };
      expect(await begin({}, AT_MS + 10_000, again)).toEqual(anew);
      expect(await begin({}, AT_MS + 10_001)).toEqual({ state: 'IN_FLIGHT' });
    });

    it('goes once it has expired, a few on the way of each that comes', async () => {
      const count = EXPIRED_PER_REQUEST + 2;
      for (let n = 0; n < count; n += 1) await begin({ key: String(n) });
      expect(await tested.keys()).toBe(count);
      await begin({}, AT_MS + 10_000);
      expect(await tested.keys()).toBe(3);
      await begin({ key: 'next' }, AT_MS + 10_000);
      expect(await tested.keys()).toBe(2);
    });

    it('is refused to another request, answered or not', async () => {
      const token = randomUUID();
      await begin({}, AT_MS, token);
      expect(await begin({ fingerprint: 'two' })).toEqual({ state: 'OTHER_REQUEST' });
      await store.keep(request, token, ANSWER);
      expect(await begin({ fingerprint: 'two' })).toEqual({ state: 'OTHER_REQUEST' });
    });

    it('means something else for another tenant and another route', async () => {
      await begin();
      expect(await begin({ tenantId: 'other' })).toMatchObject({ state: 'BEGUN' });
      expect(await begin({ route: 'POST /y' })).toMatchObject({ state: 'BEGUN' });
    });

    it('is answered on each route with what was answered there, at each tenant', async () => {
      const asked = [{}, { route: 'POST /y' }, { tenantId: 'other' }];
      for (const [at, more] of asked.entries()) {
        const token = randomUUID();
        await begin(more, AT_MS, token);
        await store.keep({ ...request, ...more }, token, { ...ANSWER, body: String(at) });
      }
      for (const [at, more] of asked.entries()) {
        expect(await begin(more)).toMatchObject({ answer: { body: String(at) } });
      }
    });

    it('is not locked for ever by one who never answers, whose late answer is not kept', async () => {
      const lost = randomUUID();
      await begin({}, AT_MS, lost);
      const next = randomUUID();
      const begun = { state: 'BEGUN', subject: lost };
      expect(await begin({}, AT_MS + 1_000, next)).toEqual(begun);
      await store.keep(request, lost, ANSWER);
      await store.release(request, lost);
      expect(await begin({}, AT_MS + 1_001)).toEqual({ state: 'IN_FLIGHT' });
      await store.keep(request, next, ANSWER);
      expect(await begin({}, AT_MS + 1_002)).toEqual({ state: 'ANSWERED', answer: ANSWER });
    });

    it('is free again when it is given back', async () => {
      const token = randomUUID();
      await begin({}, AT_MS, token);
      await store.release(request, token);
      expect(await begin({ fingerprint: 'two' })).toMatchObject({ state: 'BEGUN' });
    });

    it('is begun by exactly one of many at once', async () => {
      const begun = await Promise.all(Array.from({ length: 8 }, () => begin()));
      expect(begun.filter(({ state }) => state === 'BEGUN')).toHaveLength(1);
      expect(begun.filter(({ state }) => state === 'IN_FLIGHT')).toHaveLength(7);
    });
  });
}
