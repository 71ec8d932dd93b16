/** Every error as an RFC 9457 problem: what people may know of it, and nothing internal. */
import { HttpException } from '@nestjs/common';
import { z } from 'zod';
import { REQUEST_LIMITS } from '#core/limits.js';
import { Refusal, type FieldProblem } from '../refusal.js';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

export const Problem = z
  .looseObject({
    type: z.string().meta({ description: 'Names the kind of problem' }),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'For programs, in capitals' }),
    detail: z.string().optional(),
    instance: z.string().optional().meta({ description: 'The path that was asked for' }),
    errors: z
      .array(z.strictObject({ field: z.string(), expected: z.string() }))
      .optional()
      .meta({ description: 'Each field at fault' }),
    currentStatus: z.string().optional(),
    allowedActions: z.array(z.string()).optional(),
    currentRevision: z.int().optional(),
    activeExecutionId: z.string().nullable().optional(),
    laterExecutionId: z
      .string()
      .optional()
      .meta({ description: 'SUPERSEDED: the upgrade that is to be reverted instead' }),
    blockers: z
      .array(z.strictObject({ code: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'All that stands against the upgrade' }),
    steps: z
      .array(
        z.strictObject({
          fromVersionId: z.string(),
          toVersionId: z.string(),
          fromVersion: z.string(),
          toVersion: z.string(),
        }),
      )
      .optional()
      .meta({ description: 'The upgrades it takes to get there, when one does not' }),
    warnings: z.array(z.strictObject({ code: z.string(), message: z.string() })).optional(),
  })
  .meta({
    id: 'Problem',
    examples: [
      {
        type: 'urn:upgrade-orchestrator:problem:invalid-request',
        title: 'The request is not valid: batchSize',
        status: 400,
        code: 'INVALID_REQUEST',
        instance: '/api/v1/registry/tenants/acme/upgrades',
        errors: [{ field: 'batchSize', expected: 'number to be <=10000' }],
      },
    ],
  });
export type Problem = z.infer<typeof Problem>;

export interface ProblemAnswer {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** Nobody was to blame but us: to be logged with its cause. */
  readonly isOurs: boolean;
}

/** Errors of ours by name, where the class belongs to a room that is not to be imported here. */
const AWAY: Readonly<Record<string, { code: string; title: string }>> = {
  TransientDatabaseError: {
    code: 'DATABASE_UNAVAILABLE',
    title: 'The database cannot be reached just now',
  },
  TargetUnreachableError: {
    code: 'TARGET_UNREACHABLE',
    title: 'The target cannot be reached just now',
  },
  OverloadedError: { code: 'OVERLOADED', title: 'There is too much to do just now' },
};

const CODES: Readonly<Record<number, { code: string; title: string }>> = {
  400: { code: 'BAD_REQUEST', title: 'The request cannot be read' },
  404: { code: 'NO_SUCH_ROUTE', title: 'There is no such route' },
  408: { code: 'TOO_SLOW', title: 'The request did not arrive in time' },
  413: {
    code: 'BODY_TOO_LARGE',
    title: `The body is larger than ${String(REQUEST_LIMITS.bodyMaxBytes)} bytes`,
  },
  414: { code: 'URI_TOO_LONG', title: 'The address is too long' },
  415: { code: 'NOT_JSON', title: 'The body must be application/json' },
  431: { code: 'HEADERS_TOO_LARGE', title: 'The headers are too large' },
};

/** @param path without its query, which may hold what is nobody's business in a log */
export function problemOf(error: unknown, path: string): ProblemAnswer {
  if (error instanceof Refusal) {
    const { code, status, title, extra, headers } = error;
    return { problem: problem(status, code, title, path, extra), headers, isOurs: false };
  }
  const away = error instanceof Error ? AWAY[error.name] : undefined;
  if (away !== undefined) {
    const answer = problem(503, away.code, away.title, path);
    return { problem: answer, headers: { 'retry-after': '1' }, isOurs: false };
  }
  const status = statusOf(error);
  const known = CODES[status] ?? { code: 'BAD_REQUEST', title: 'The request cannot be served' };
  if (status >= 400 && status < 500) {
    const answer = problem(status, known.code, known.title, path);
    return { problem: answer, headers: {}, isOurs: false };
  }
  const answer = problem(500, 'INTERNAL', 'Something went wrong on our side', path);
  return { problem: answer, headers: {}, isOurs: true };
}

/** What Fastify and Nest say of errors of their own. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 500;
}

/** What is answered for it; `extra` are its own members. */
export function problem(
  status: number,
  code: string,
  title: string,
  instance: string,
  extra: Readonly<Record<string, unknown>> = {},
): Problem {
  const kind = code.toLowerCase().replaceAll('_', '-');
  return {
    type: `urn:upgrade-orchestrator:problem:${kind}`,
    title,
    status,
    code,
    instance,
    ...extra,
  };
}

/** An issue of a schema: zod's own, as far as it is read here. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly code?: string;
  readonly keys?: readonly string[];
}

/**
 * Names each field at fault, and of an unknown field that it is unknown.
 *
 * @param whole what to call the value itself: the parameter's name, `body` or `query`
 */
export function fieldProblemsOf(issues: readonly SchemaIssue[], whole: string): FieldProblem[] {
  return issues
    .flatMap((issue) => {
      const path = (issue.path ?? []).map((part) =>
        String(typeof part === 'object' ? part.key : part),
      );
      if (issue.code !== 'unrecognized_keys') {
        return [{ field: path.join('.') || whole, expected: expectationOf(issue.message) }];
      }
      return (issue.keys ?? []).map((key) => {
        return { field: [...path, key].join('.'), expected: 'no such field' };
      });
    })
    .slice(0, REQUEST_LIMITS.problemsShown);
}

/** `Invalid input: expected string, received number` says it in its middle. */
function expectationOf(message: string): string {
  const expected = /expected (.+?)(?:, received .*)?$/.exec(message)?.[1];
  return expected ?? message.replace(/^Invalid /, 'a valid ');
}
