/** The idempotency key a request holds, from its first hook to its answer. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { HeldKey } from '../idempotency.runner.js';

const held = new WeakMap<object, HeldKey>();

export function holdKey(request: object, key: HeldKey): void {
  held.set(request, key);
}

/** The key, once: who ends it must not end it twice. */
export function takeKey(request: object): HeldKey | undefined {
  const key = held.get(request);
  held.delete(request);
  return key;
}

/**
 * A UUID for what a POST creates. Under an `Idempotency-Key` it is the key's, so that a try that
 * comes after a crash finds what the one before it has created.
 */
export const NewId = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  const request = context.switchToHttp().getRequest<object>();
  return held.get(request)?.subject ?? randomUUID();
});
