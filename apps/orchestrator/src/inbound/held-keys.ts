/** The idempotency key a request holds, from its first hook to its answer. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { randomUUID } from 'node:crypto';
import type { HeldKey } from '../idempotency.runner.js';
import { callerOf, type Caller } from './caller.js';
import type { HttpRequest } from './http-reply.js';

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

/** The route stores nothing: asked again it answers anew, whatever its Idempotency-Key. */
export const Keyless = (): MethodDecorator => RouteConfig({ isKeyless: true });

export function isKeyless({ routeOptions }: HttpRequest): boolean {
  return (routeOptions.config as { isKeyless?: boolean } | undefined)?.isKeyless === true;
}

/**
 * A UUID for what a POST creates. Under an `Idempotency-Key` it is the key's, so that a try that
 * comes after a crash finds what the one before it has created.
 */
export const NewId = createParamDecorator((_: unknown, context: ExecutionContext): string =>
  newIdOf(context.switchToHttp().getRequest<object>()),
);

/** Who asks, and what is to be called what it creates. */
export type Creator = Caller & { readonly newId: string };

export const CreatorOf = createParamDecorator((_: unknown, context: ExecutionContext): Creator => {
  const request = context.switchToHttp().getRequest<HttpRequest>();
  return { ...callerOf(request.headers), newId: newIdOf(request) };
});

function newIdOf(request: object): string {
  return held.get(request)?.subject ?? randomUUID();
}
