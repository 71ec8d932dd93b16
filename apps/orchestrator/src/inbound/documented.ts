/** What the OpenAPI document says of a route besides its parameters. */
import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';
import { REQUEST_LIMITS } from '#core/limits.js';
import { Problem } from './problem.js';

const PROBLEMS = {
  400: 'Unknown fields, wrong types, values out of bounds, broken JSON: each field named',
  403: 'Allowed by the status, but not to whoever asks',
  404: "Not there, or not this tenant's",
  409: 'Not while things stand as they do: a name is taken, the status does not allow it',
  412: 'It has another revision than If-Match asks for',
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'It cannot be done: all that stands against it is listed',
  500: 'A fault of ours: nothing is told of it here, it stands in the log',
  503: 'The database or the target cannot be reached, or does not answer in time: see Retry-After',
} as const;
export type ProblemStatus = keyof typeof PROBLEMS;

interface DocumentedAnswer {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** It has one ETag: the revision. An action's answer always does. */
  readonly hasEtag?: boolean;
}

interface Documentation {
  readonly summary: string;
  readonly description?: string;
  /** Status of success → what is answered. */
  readonly answers: Readonly<Record<number, DocumentedAnswer>>;
  /** Besides those that every route of its method has. */
  readonly problems?: readonly ProblemStatus[];
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** The route heeds If-Match, and records who asks. */
  readonly isAction?: boolean;
  /** Who asks is recorded. */
  readonly isRecorded?: boolean;
  /** It changes nothing: who asks is shown and not recorded, and Idempotency-Key not looked at. */
  readonly storesNothing?: boolean;
  /** It is about no tenant: X-Tenant-Id is not looked at. */
  readonly isShared?: boolean;
}

const text = (example: string, maxLength: number) => ({
  schema: { type: 'string', maxLength, example } as const,
});
const ACTOR = {
  name: 'X-Actor',
  required: false,
  description: 'Who asks, as claimed: recorded. Left out: anonymous',
  ...text('ops@example.org', REQUEST_LIMITS.initiatedByMaxChars),
};
const SHOWN_ACTOR = {
  ...ACTOR,
  description: 'Who asks, as claimed: named where checks are skipped. Left out: anonymous',
};
const TENANT = {
  name: 'X-Tenant-Id',
  required: false,
  description: "When sent it must match: another tenant's is answered 404",
  ...text('acme', 63),
};
const KEY = {
  name: 'Idempotency-Key',
  required: false,
  description: 'For 24 h the same key and body get the first answer again',
  ...text('6f1f3f0e-2b55-4c2c-9a57-0d2b6d3b6f11', REQUEST_LIMITS.idempotencyKeyMaxChars),
};
const IF_MATCH = {
  name: 'If-Match',
  required: false,
  description: 'A revision; the action is refused with 412 when it is another one by now',
  ...text('"7"', 17),
};

const ANSWERED = {
  Location: { description: 'Where it is from now on', schema: { type: 'string' } },
  ETag: { description: 'The revision, for If-Match', schema: { type: 'string', example: '"7"' } },
  'Idempotency-Replayed': {
    description: '`true` when the first answer to this Idempotency-Key is given again',
    schema: { type: 'string', example: 'true' },
  },
  'Retry-After': {
    description: 'Seconds to wait before trying again',
    schema: { type: 'string', example: '1' },
  },
} as const;

/** The route's operationId is the method's name; an action that is a single verb gets an object. */
export function Documented(about: Documentation): MethodDecorator {
  const { summary, description, isAction = false } = about;
  const takes = [
    ...(about.isShared === true ? [] : [TENANT]),
    ...(isAction || about.isRecorded === true ? [ACTOR] : []),
    ...(about.storesNothing === true ? [SHOWN_ACTOR] : []),
    ...(heedsKey(about) ? [KEY] : []),
    ...(isAction ? [IF_MATCH] : []),
  ];
  return (target, key, descriptor) => {
    const name = String(key);
    const operationId = isAction && !/[A-Z]/.test(name) ? `${name}Upgrade` : name;
    applyDecorators(
      ApiOperation({
        operationId,
        summary,
        ...(description === undefined ? {} : { description }),
      }),
      ...takes.map((header) => ApiHeader(header)),
      ...Object.entries(about.answers).map(([status, answer]) =>
        ApiResponse({
          status: Number(status),
          description: answer.description,
          headers: headersOf(Number(status), answer, about),
          ...(answer.schema === undefined ? {} : { standardSchema: answer.schema }),
        }),
      ),
      ...problemsOf(about).map((status) =>
        ApiResponse({
          status,
          description: PROBLEMS[status],
          standardSchema: Problem,
          ...(status === 503 ? { headers: { 'Retry-After': ANSWERED['Retry-After'] } } : {}),
        }),
      ),
    )(target, key, descriptor);
  };
}

function headersOf(status: number, { hasEtag }: DocumentedAnswer, about: Documentation) {
  const { Location, ETag } = ANSWERED;
  return {
    ...(status === 201 ? { Location } : {}),
    ...(hasEtag === true || about.isAction === true ? { ETag } : {}),
    ...(heedsKey(about) ? { 'Idempotency-Replayed': ANSWERED['Idempotency-Replayed'] } : {}),
  };
}

function heedsKey({ method, storesNothing = false }: Documentation): boolean {
  return method === 'POST' && !storesNothing;
}

function problemsOf(about: Documentation): ProblemStatus[] {
  const { method = 'GET', problems = [] } = about;
  const found: ProblemStatus[] = [400, ...problems, 500, 503];
  if (method !== 'GET') found.push(413, 415);
  // A key may be in flight, or have been used for another body.
  if (heedsKey(about)) found.push(409, 422);
  return [...new Set(found)].sort((a, b) => a - b);
}
