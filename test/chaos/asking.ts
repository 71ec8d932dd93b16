/** Whoever asks the REST API for something; each question and what became of it is told. */
import type { HistoryFile, AnswerHeart } from './history.js';

/** Longer than the API's own limits. */
const ANSWER_LIMIT_MS = 12_000;

export interface Question {
  /** Nobody else asks under this name. */
  readonly by: string;
  readonly tenantId: string;
  /** Sent as `X-Tenant-Id`. */
  readonly asTenant?: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Below the API's base. */
  readonly path: string;
  /** `create`, or an action's path; left out: nothing is to change. */
  readonly action?: string;
  readonly executionId?: string;
  readonly key?: string;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  /** Parsed; null when it was no JSON. */
  readonly body: unknown;
}

export class Desk {
  #ops = 0;

  /**
   * @param replicas bases of the API, one for each replica
   * @param tenants all there are: an answer to one must name no other
   */
  constructor(
    private readonly history: HistoryFile,
    private readonly replicas: readonly string[],
    private readonly tenants: readonly string[],
  ) {}

  /** A name that nobody else asks under. */
  nameOf(person: string): string {
    this.#ops += 1;
    return `${person}-${String(this.#ops)}`;
  }

  /**
   * Asks a replica, and the next one when that does not even listen, as a load balancer would;
   * undefined: it was not answered.
   */
  async ask(question: Question, replica: number): Promise<Answer | undefined> {
    for (let tries = 0; tries < this.replicas.length; tries += 1) {
      const answer = await this.#askOne(question, replica + tries);
      if (answer !== 'NOBODY_LISTENS') return answer;
    }
    return undefined;
  }

  async #askOne(
    question: Question,
    replica: number,
  ): Promise<Answer | 'NOBODY_LISTENS' | undefined> {
    const { by, tenantId, method, path } = question;
    this.#ops += 1;
    const op = this.#ops;
    const base = this.replicas[replica % this.replicas.length] ?? '';
    const { asTenant = null, action = null, executionId = null, key = null, body } = question;
    const head = { by, tenantId, asTenant, method, path, action, executionId, key };
    this.history.add({ kind: 'ASKED', op, ...head, body: body ?? null, replica: base });
    try {
      const answer = await fetch(`${base}/${path}`, {
        method,
        headers: headersOf(question),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      });
      const text = await answer.text();
      const parsed = parsedOrNull(text);
      const isProblem = answer.headers.get('content-type')?.startsWith('application/problem+json');
      const code = isProblem === true ? (parsed as { code?: string } | null)?.code : undefined;
      this.history.add({
        ...{ kind: 'ANSWERED', op, status: answer.status, code: code ?? null },
        heart: heartOf(parsed),
        mentions: this.tenants.filter((tenant) => text.includes(tenant)),
      });
      return { status: answer.status, body: parsed };
    } catch (error) {
      const cause = (error as Error).cause ?? error;
      const why = cause instanceof Error ? cause.message : String(cause);
      this.history.add({ kind: 'LOST', op, why: why.slice(0, 200) });
      return (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED'
        ? 'NOBODY_LISTENS'
        : undefined;
    }
  }
}

function headersOf({ by, asTenant, key, body }: Question): Record<string, string> {
  return {
    'x-actor': by,
    ...(asTenant === undefined ? {} : { 'x-tenant-id': asTenant }),
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function heartOf(body: unknown): AnswerHeart | null {
  const { id, tenantId, status, revision } = (body ?? {}) as Partial<AnswerHeart>;
  const isExecution = typeof status === 'string' && typeof revision === 'number';
  if (id === undefined || tenantId === undefined || !isExecution) return null;
  return { id, tenantId, status, revision };
}
