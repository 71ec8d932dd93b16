/** The public REST API as a newcomer's script would call it: fetch, JSON, and errors in a sentence. */

/** An answer that was not what was hoped for; the message is fit for a terminal. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    readonly problem: Problem,
    what: string,
  ) {
    super(`${what}: ${String(status)} ${sentenceOf(problem)}`);
  }
}

/** What is read of an RFC 9457 problem. */
export interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly errors?: readonly { readonly field: string; readonly expected: string }[];
  readonly blockers?: readonly { readonly message: string }[];
}

export interface Registered {
  readonly id: string;
}

export interface ComponentAnswer extends Registered {
  readonly name: string;
}

export interface VersionAnswer extends Registered {
  readonly version: string;
}

export interface PathAnswer extends Registered {
  readonly fromVersionId: string;
  readonly toVersionId: string;
}

export interface DeploymentAnswer extends Registered {
  readonly currentVersionId: string | null;
  readonly observedVersions: Readonly<Record<string, number>>;
  readonly target: { readonly driver: string; readonly settings: unknown } | null;
}

export interface ExecutionAnswer extends Registered {
  readonly status: string;
  readonly revision: number;
  readonly allowedActions: readonly string[];
  readonly progress: { readonly total: number; readonly completed: number };
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly waitingFor: { readonly kind: string; readonly who: string } | null;
  readonly canary: CanaryAnswer | null;
  /** Of BLUE_GREEN; null for all other strategies. */
  readonly newSet: { readonly name: string; readonly state: string } | null;
}

export interface CanaryAnswer {
  readonly verdict: string | null;
  readonly reason: string;
  /** The latest, oldest first. */
  readonly samples: readonly {
    readonly number: number;
    readonly at: string;
    readonly outcome: string;
    readonly findings: readonly {
      readonly of: string;
      readonly outcome: string;
      readonly value: number | null;
    }[];
  }[];
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** Longer than the API's own limits: whoever waits longer waits for nothing. */
const ANSWER_LIMIT_MS = 15_000;
const PAGE_LIMIT = 200;

export class RegistryApi {
  /** @param url the API's base, as `http://127.0.0.1:8084/api/v1/registry` */
  constructor(
    readonly url: string,
    private readonly actor: string,
  ) {}

  get<Answer>(path: string): Promise<Answer> {
    return this.#call<Answer>('GET', path);
  }

  post<Answer>(path: string, body: unknown = {}): Promise<Answer> {
    return this.#call<Answer>('POST', path, body);
  }

  put<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#call<Answer>('PUT', path, body);
  }

  patch<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#call<Answer>('PATCH', path, body);
  }

  /** Every item of a list, page by page. */
  async all<Item>(path: string): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | null = null;
    do {
      const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const separator = path.includes('?') ? '&' : '?';
      const page: Page<Item> = await this.get<Page<Item>>(
        `${path}${separator}limit=${String(PAGE_LIMIT)}${more}`,
      );
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return items;
  }

  /** The answer, or undefined when there is no such thing. */
  async find<Answer>(path: string): Promise<Answer | undefined> {
    try {
      return await this.get<Answer>(path);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.#fetch(path, {
      method,
      headers: {
        'x-actor': this.actor,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (answer.ok) return (text === '' ? undefined : JSON.parse(text)) as Answer;
    throw new ApiError(answer.status, problemFrom(text), `${method} ${path}`);
  }

  /** fetch itself says no more than that it failed. */
  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
      return await fetch(`${this.url}/${path}`, { ...init, signal });
    } catch (error) {
      const cause = (error as Error).cause ?? error;
      const reason = cause instanceof Error ? cause.message : String(cause);
      const what = `${init.method ?? 'GET'} ${path}`;
      throw new Error(`${what}: the API at ${this.url} does not answer (${reason})`, {
        cause: error,
      });
    }
  }
}

function problemFrom(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return { title: text.slice(0, 200) };
  }
}

function sentenceOf({ title, detail, errors = [], blockers = [] }: Problem): string {
  const more = [
    ...errors.map(({ field, expected }) => `${field}: ${expected}`),
    ...blockers.map(({ message }) => message),
  ];
  const said = more.length > 0 ? more.join('; ') : (detail ?? '');
  return said === '' ? (title ?? 'no reason given') : `${title ?? ''} (${said})`;
}
