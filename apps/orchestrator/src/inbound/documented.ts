/** What the OpenAPI document says of a route besides its parameters. */
import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';
import { Problem } from './problem.js';

const PROBLEMS = {
  400: 'Unknown fields, wrong types, values out of bounds, broken JSON: each field named',
  403: 'Allowed by the status, but not to whoever asks',
  404: "Not there, or not this tenant's",
  409: 'Not while things stand as they do: a name is taken, the status does not allow it',
  412: 'It has another revision than If-Match asks for',
  413: 'The body is too large',
  422: 'It cannot be done: all that stands against it is listed',
  503: 'The database or the target cannot be reached in time: try again after Retry-After',
} as const;
export type ProblemStatus = keyof typeof PROBLEMS;

interface Documentation {
  readonly summary: string;
  readonly description?: string;
  /** Status of success → what is answered. */
  readonly answers: Readonly<Record<number, { description: string; schema?: z.ZodType }>>;
  /** Besides 400, 413 and 503, which every route has. */
  readonly problems?: readonly ProblemStatus[];
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** The route heeds If-Match. */
  readonly isAction?: boolean;
}

const ACTOR = { name: 'X-Actor', required: false, description: 'Who asks, as claimed: recorded' };
const TENANT = {
  name: 'X-Tenant-Id',
  required: false,
  description: "When sent it must match: another tenant's is answered 404",
};
const KEY = {
  name: 'Idempotency-Key',
  required: false,
  description: 'For 24 h the same key and body get the first answer again',
};
const IF_MATCH = {
  name: 'If-Match',
  required: false,
  description: 'A revision; the action is refused with 412 when it is another one by now',
};

export function Documented(about: Documentation): MethodDecorator {
  const method = about.method ?? 'GET';
  const problems: ProblemStatus[] = [400, ...(about.problems ?? []), 503];
  if (method !== 'GET') problems.push(413);
  const headers = [
    TENANT,
    ...(method === 'GET' ? [] : [ACTOR]),
    ...(method === 'POST' ? [KEY] : []),
    ...(about.isAction === true ? [IF_MATCH] : []),
  ];
  const { summary, description } = about;
  return applyDecorators(
    ApiOperation({ summary, ...(description === undefined ? {} : { description }) }),
    ...headers.map((header) => ApiHeader(header)),
    ...Object.entries(about.answers).map(([status, answer]) =>
      ApiResponse({
        status: Number(status),
        description: answer.description,
        ...(answer.schema === undefined ? {} : { standardSchema: answer.schema }),
      }),
    ),
    ...[...new Set(problems)].map((status) =>
      ApiResponse({ status, description: PROBLEMS[status], standardSchema: Problem }),
    ),
  );
}
