/** What the headers of a request claim and insist on (spec §2). None of it is authentication. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { REQUEST_LIMITS } from '#core/limits.js';
import { invalidRequest, notFound } from '../refusal.js';

export interface Caller {
  /** `X-Actor`, at most 200 characters; `anonymous` when nobody is named. */
  readonly actor: string;
  /** `X-Tenant-Id`; null when not sent. What is another tenant's is then not there. */
  readonly tenantId: string | null;
  /** `If-Match`; null when not sent, or `*`. */
  readonly ifMatchRevision: number | null;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Throws a Refusal 400 that names the header at fault. */
export function callerOf(headers: Headers): Caller {
  return {
    actor: actorOf(single(headers, 'x-actor')),
    tenantId: single(headers, 'x-tenant-id'),
    ifMatchRevision: revisionOf(single(headers, 'if-match')),
  };
}

/** Refusal 404 when the path's tenant is not the one that the caller claims to be. */
export function insistOnTenant(caller: Caller, tenantId: string): void {
  if (caller.tenantId !== null && caller.tenantId !== tenantId) throw notFound('tenant', tenantId);
}

/** The claims of the request at hand. */
export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext): Caller =>
  callerOf(context.switchToHttp().getRequest<{ headers: Headers }>().headers),
);

function actorOf(text: string | null): string {
  if (text === null) return 'anonymous';
  // Printable without exception: it goes into logs and events as it is.
  if (/^[^\p{Cc}]+$/u.test(text) && text.length <= REQUEST_LIMITS.initiatedByMaxChars) return text;
  const expected = `1 to ${String(REQUEST_LIMITS.initiatedByMaxChars)} characters`;
  throw invalidRequest([{ field: 'X-Actor', expected }]);
}

function revisionOf(text: string | null): number | null {
  if (text === null || text === '*') return null;
  const digits = /^(?:"(\d{1,15})"|(\d{1,15}))$/.exec(text);
  if (digits !== null) return Number(digits[1] ?? digits[2]);
  throw invalidRequest([{ field: 'If-Match', expected: 'a revision, such as "7"' }]);
}

function single(headers: Headers, name: string): string | null {
  const value = headers[name];
  const text = (Array.isArray(value) ? value.join(', ') : value)?.trim();
  return text === undefined || text === '' ? null : text;
}
