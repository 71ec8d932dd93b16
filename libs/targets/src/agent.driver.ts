import type { z } from 'zod';
import { request, type Dispatcher } from 'undici';
import {
  AGENT_CALLS,
  pathOfFleet,
  type AgentCall,
  type SetOperationRequest,
  type SubmitRequest,
} from './agent-contract.js';
import { askedOf, faultOf, withStanding } from './agent-pages.js';
import { readSecret, type AgentSettings } from './agent-settings.js';
import { isRefusedHost } from './egress-address.js';
import { POLL_WAIT_MAX_MS } from './target-limits.js';
import { TargetDriver, TargetUnreachableError } from './target.driver.js';
import type {
  Backup,
  Capabilities,
  Fence,
  InstanceOperation,
  ListPage,
  ListQuery,
  MetricQuery,
  OperationState,
  RoomCount,
  SetInfo,
  SetOperation,
} from './target.driver.js';

type Answer<C extends AgentCall> = z.output<(typeof AGENT_CALLS)[C]['answer']>;

/** What the driver is given beside a deployment's settings. */
export interface AgentConnection {
  /** Holds the connections, bounded, of all agents this process speaks to. */
  readonly dispatcher: Dispatcher;
  /** Where tokens that are references to variables are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether an agent may say that a set answers at a link-local address. */
  readonly allowLinkLocal: boolean;
  /** How long a whole answer may take; a poll's waiting comes on top. */
  readonly answerTimeoutMs: number;
}

/** A target behind the HTTP contract of `agent-contract.ts`. */
export class AgentDriver extends TargetDriver {
  readonly #settings: AgentSettings;
  readonly #connection: AgentConnection;
  readonly #base: string;

  constructor(settings: AgentSettings, connection: AgentConnection) {
    super();
    this.#settings = settings;
    this.#connection = connection;
    this.#base = `${settings.url.replace(/\/+$/, '')}/${pathOfFleet(settings.component)}`;
  }

  override capabilities(signal?: AbortSignal): Promise<Capabilities> {
    return this.#ask('capabilities', null, 0, signal);
  }

  override async list(query: ListQuery, signal?: AbortSignal): Promise<ListPage> {
    const page = await this.#ask('list', askedOf(query), 0, signal);
    const fault = faultOf(query, page);
    if (fault !== null) throw this.#unreachable(`answered ${fault}`);
    return withStanding(query, page);
  }

  override room(except: readonly string[], signal?: AbortSignal): Promise<RoomCount> {
    return this.#ask('room', { except }, 0, signal);
  }

  override async submit(
    operations: readonly InstanceOperation[],
    fence: Fence,
    signal?: AbortSignal,
  ): Promise<OperationState[]> {
    const states: OperationState[] = [];
    for (const body of submissions(operations, fence)) {
      const { operations: answered } = await this.#ask('submit', body, 0, signal);
      states.push(...this.#aligned(body.operations, answered as OperationState[]));
    }
    return states;
  }

  override async poll(
    operations: readonly { readonly id: string; readonly instanceId: string }[],
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<OperationState[]> {
    if (operations.length === 0) return [];
    const asked = operations.map(({ id, instanceId }) => ({ id, instanceId }));
    const boundedMs = boundedWaitMs(waitMs);
    const body = { operations: asked, waitMs: boundedMs };
    const { operations: answered } = await this.#ask('poll', body, boundedMs, signal);
    return this.#aligned(asked, answered as OperationState[]);
  }

  override async sets(signal?: AbortSignal): Promise<SetInfo[]> {
    return (await this.#ask('sets', null, 0, signal)).sets;
  }

  override async submitSet(
    operation: SetOperation,
    fence: Fence,
    signal?: AbortSignal,
  ): Promise<OperationState> {
    const { handOver, epoch } = fence;
    const body = { fence: { handOver, epoch }, operation: setOperation(operation) };
    return this.#aboutOne(operation, await this.#ask('submitSet', body, 0, signal));
  }

  override async pollSet(
    id: string,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<OperationState> {
    const boundedMs = boundedWaitMs(waitMs);
    const body = { id, waitMs: boundedMs };
    return this.#aboutOne({ id }, await this.#ask('pollSet', body, boundedMs, signal));
  }

  override async backups(signal?: AbortSignal): Promise<Backup[]> {
    const { backups } = await this.#ask('backups', null, 0, signal);
    return backups
      .map(({ id, takenAt, verified }) => ({ id, takenAtMs: Date.parse(takenAt), verified }))
      .sort((a, b) => b.takenAtMs - a.takenAtMs);
  }

  override async metric({ query, ids }: MetricQuery, signal?: AbortSignal): Promise<number | null> {
    return (await this.#ask('metric', { query, ids }, 0, signal)).value;
  }

  override async address(set: string | null, signal?: AbortSignal): Promise<string | null> {
    const { url } = await this.#ask('address', { set }, 0, signal);
    const isRefused = url !== null && isRefusedHost(new URL(url).hostname);
    // Somebody will ask there: an agent must not lead us to where its settings may not either.
    if (isRefused && !this.#connection.allowLinkLocal) {
      throw this.#unreachable('answered with a link-local or metadata address');
    }
    return url;
  }

  #aboutOne(asked: { readonly id: string }, { operation }: { operation: unknown }): OperationState {
    const [state] = this.#aligned([asked], [operation as OperationState]);
    if (state === undefined) throw this.#unreachable('answered about no operation');
    return state;
  }

  /** An answer about other operations than were asked about is no answer. */
  #aligned(
    asked: readonly { readonly id: string }[],
    answered: OperationState[],
  ): OperationState[] {
    const fits =
      asked.length === answered.length &&
      asked.every((operation, position) => operation.id === answered[position]?.id);
    if (!fits) throw this.#unreachable('answered about other operations than were asked about');
    return answered;
  }

  async #ask<C extends AgentCall>(
    name: C,
    body: unknown,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Answer<C>> {
    const call = AGENT_CALLS[name];
    const limitMs = this.#connection.answerTimeoutMs + waitMs;
    const headers = { accept: 'application/json', ...(await this.#authorization()) };
    // The whole call is bounded, not only its silences: an answer may drip.
    const limit = AbortSignal.timeout(limitMs);
    const { status, text } = await this.#send({
      url: `${this.#base}/${call.path}`,
      method: call.method,
      headers: body === null ? headers : { ...headers, 'content-type': 'application/json' },
      body: body === null ? null : JSON.stringify(body),
      limitMs,
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
    if (status !== 200) throw this.#unreachable(refusal(status, text));
    return this.#parsed(call.answer, text) as Answer<C>;
  }

  async #authorization(): Promise<Record<string, string>> {
    const { tokenFrom } = this.#settings;
    if (tokenFrom === undefined) return {};
    return { authorization: `Bearer ${await readSecret(tokenFrom, this.#connection.env)}` };
  }

  async #send(sent: {
    readonly url: string;
    readonly method: 'GET' | 'POST';
    readonly headers: Record<string, string>;
    readonly body: string | null;
    readonly limitMs: number;
    readonly signal: AbortSignal;
  }): Promise<{ readonly status: number; readonly text: string }> {
    try {
      const answer = await request(sent.url, {
        method: sent.method,
        headers: sent.headers,
        body: sent.body,
        dispatcher: this.#connection.dispatcher,
        headersTimeout: sent.limitMs,
        bodyTimeout: sent.limitMs,
        signal: sent.signal,
      });
      return { status: answer.statusCode, text: await answer.body.text() };
    } catch (error) {
      throw this.#unreachable(causeOf(error, sent.limitMs), error);
    }
  }

  #parsed(schema: z.ZodType, text: string): unknown {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw this.#unreachable('answered something that is not JSON');
    }
    const result = schema.safeParse(json);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    const where = issue?.path.join('.') ?? '';
    throw this.#unreachable(`answered against the contract (${where}: ${issue?.message ?? ''})`);
  }

  #unreachable(what: string, cause?: unknown): TargetUnreachableError {
    const { origin } = new URL(this.#settings.url);
    return new TargetUnreachableError(`the agent at ${origin} ${what}`, { cause });
  }
}

/**
 * One request for all operations, with the artifacts of each version once; another one only where
 * two operations want the same version with other artifacts.
 */
function* submissions(
  operations: readonly InstanceOperation[],
  fence: Fence,
): Generator<SubmitRequest> {
  let releases = new Map<string, Readonly<Record<string, string>>>();
  let batch: SubmitRequest['operations'] = [];
  const filled = (): SubmitRequest => ({
    fence: { handOver: fence.handOver, epoch: fence.epoch },
    releases: Object.fromEntries(releases),
    operations: batch,
  });
  for (const { id, instanceId, verb, drainTimeoutMs, version, artifacts = {} } of operations) {
    if (version !== undefined) {
      const other = releases.get(version);
      if (other !== undefined && !isSame(other, artifacts)) {
        yield filled();
        releases = new Map();
        batch = [];
      }
      releases.set(version, artifacts);
    }
    batch.push({
      id,
      instanceId,
      verb,
      ...(drainTimeoutMs === undefined ? {} : { drainTimeoutMs }),
      ...(version === undefined ? {} : { version }),
    });
  }
  if (batch.length > 0) yield filled();
}

/** As the contract takes it: of each verb what belongs to it. */
function setOperation(operation: SetOperation): SetOperationRequest {
  const { id, verb, size = 0, drainTimeoutMs, version, percentage = null } = operation;
  const set = operation.set ?? '';
  switch (verb) {
    case 'createSet':
      return { id, verb, set, size };
    case 'switch':
      return { id, verb, set };
    case 'retireSet':
      return { id, verb, set, ...(drainTimeoutMs === undefined ? {} : { drainTimeoutMs }) };
    case 'weigh':
      return { id, verb, percentage, ...(version === undefined ? {} : { version }) };
  }
}

function boundedWaitMs(waitMs: number): number {
  return Math.max(0, Math.min(Math.floor(waitMs), POLL_WAIT_MAX_MS));
}

function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function refusal(status: number, text: string): string {
  if (status >= 300 && status < 400) return `answered with a redirect (${status})`;
  if (status === 401 || status === 403) return `does not accept the token (${status})`;
  return `answered ${status}: ${detailOf(text)}`;
}

const DETAIL_MAX_CHARS = 300;

function detailOf(text: string): string {
  try {
    const problem = JSON.parse(text) as { detail?: unknown; title?: unknown };
    const said = problem.detail ?? problem.title;
    return typeof said === 'string' ? said.slice(0, DETAIL_MAX_CHARS) : 'without saying why';
  } catch {
    return 'without saying why';
  }
}

function causeOf(error: unknown, limitMs: number): string {
  const { name, code, message } = error as Partial<NodeJS.ErrnoException>;
  if (name === 'TimeoutError') return `did not answer within ${limitMs} ms`;
  if (name === 'AbortError') return 'was not waited for any longer';
  return `cannot be asked (${code ?? message ?? 'for an unknown reason'})`;
}
