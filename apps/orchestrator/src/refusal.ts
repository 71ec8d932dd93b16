/**
 * A request that is refused for a reason the one who asks can understand. It becomes an RFC 9457
 * problem: `title` is its sentence, `extra` its members (such as `currentStatus`, `blockers`).
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  /**
   * @param code for programs, in capitals: `ACTIVE_EXECUTION`
   * @param status HTTP status, 4xx or 503
   * @param title what is wrong, in a sentence; nothing of another tenant, nothing internal
   * @param headers response headers, in lower case
   */
  constructor(
    readonly code: string,
    readonly status: number,
    readonly title: string,
    readonly extra: Readonly<Record<string, unknown>> = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(title);
  }
}

/** A field at fault, with what would have been right. */
export interface FieldProblem {
  /** Dotted, from the part of the request it stands in: `smokeTests.0.path`. */
  readonly field: string;
  readonly expected: string;
}

/** 400: every field at fault is named once, with the first of what would have been right. */
export function invalidRequest(problems: readonly FieldProblem[]): Refusal {
  const errors = problems.filter(({ field }, at) => {
    return problems.findIndex((one) => one.field === field) === at;
  });
  const fields = errors.map((error) => error.field).join(', ');
  return new Refusal('INVALID_REQUEST', 400, `The request is not valid: ${fields}`, { errors });
}

/** 404: it is not there, or not this tenant's; which of the two is not told. */
export function notFound(what: string, id: string): Refusal {
  return new Refusal('NOT_FOUND', 404, `There is no ${what} ${id}`);
}
