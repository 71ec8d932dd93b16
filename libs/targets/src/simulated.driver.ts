import type { Clock } from '#runtime/clock.js';
import type {
  FleetDeclaration,
  FleetWork,
  Selection,
  SimulatedFleetStore,
} from './simulated-fleet.store.js';
import type { Look, SimulatedInstance, SimulatedWorld } from './simulated-instance.js';
import { begin, observe, settle, standing, vanish } from './simulated-instance.js';
import type { SimulatedSettings } from './simulated-settings.js';
import { POLL_WAIT_MAX_MS, SIMULATED_LIMITS } from './target-limits.js';
import { TargetDriver, TargetUnreachableError } from './target.driver.js';
import type {
  Capabilities,
  Fence,
  InstanceOperation,
  ListPage,
  ListQuery,
  ObservedInstance,
  OperationState,
  RoomCount,
} from './target.driver.js';

type Asked = { readonly id: string; readonly instanceId: string };
/** What a whole call comes to under a LIST fault that names no instance. */
type Reading<T> = { readonly answer: T } | { readonly fault: 'FAIL' | 'HANG' };

/**
 * A fleet that is only rows: for rehearsals, scenarios and benchmarks (spec §8). It waits through
 * the given clock alone, so it behaves the same in virtual time.
 */
export class SimulatedDriver extends TargetDriver {
  readonly #settings: SimulatedSettings;
  readonly #declaration: FleetDeclaration;
  readonly #store: SimulatedFleetStore;
  readonly #clock: Clock;

  constructor(settings: SimulatedSettings, store: SimulatedFleetStore, clock: Clock) {
    super();
    this.#settings = settings;
    this.#declaration = declarationOf(settings);
    this.#store = store;
    this.#clock = clock;
  }

  override capabilities(): Promise<Capabilities> {
    return Promise.resolve({ sets: false, weights: false, backups: false, metrics: false });
  }

  override async list(query: ListQuery, signal?: AbortSignal): Promise<ListPage> {
    if (query.ids !== undefined) return this.#listIds(query.ids, query.downOnly === true, signal);
    const after = query.cursor ?? null;
    return query.downOnly === true
      ? this.#listDown(after, query.limit, signal)
      : this.#listPage(after, query.limit, signal);
  }

  override async room(except: readonly string[], signal?: AbortSignal): Promise<RoomCount> {
    const own = new Set(except);
    const listed = await this.#store.count(this.#declaration);
    let down = 0;
    for (let after: string | null = null, isMore = true; isMore;) {
      const rows: readonly ObservedRow[] | 'NOTHING' = await this.#look(
        this.#suspects(after, SIMULATED_LIMITS.rowsPerLook),
        'COUNT',
        signal,
      );
      if (rows === 'NOTHING') throw new TargetUnreachableError('the fleet reports no numbers');
      for (const { seen, id } of rows) if (isDown(seen) && !own.has(id)) down += 1;
      after = rows.at(-1)?.id ?? null;
      isMore = rows.length === SIMULATED_LIMITS.rowsPerLook;
    }
    return { listed, down, spare: listed };
  }

  override submit(
    operations: readonly InstanceOperation[],
    fence: Fence,
  ): Promise<OperationState[]> {
    const ids = operations.map((operation) => operation.instanceId);
    return this.#store.work(this.#declaration, { kind: 'IDS', ids }, (given) => {
      const world = this.#world(given);
      return operations.map((operation, position) => {
        const row = given.rows[position];
        if (row === undefined) return standing(row, operation.id);
        const begun = begin(row, operation, fence, world);
        given.put(begun.row);
        return begun.state;
      });
    });
  }

  override async poll(
    operations: readonly Asked[],
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<OperationState[]> {
    const endMs = this.#clock.nowMs() + Math.min(waitMs, POLL_WAIT_MAX_MS);
    for (;;) {
      const { states, nextEndMs } = await this.#standings(operations);
      const leftMs = endMs - this.#clock.nowMs();
      const isOver = leftMs <= 0 || signal?.aborted === true;
      if (isOver || states.some((state) => state.state !== 'RUNNING')) return states;
      const pauseMs = Math.min(leftMs, SIMULATED_LIMITS.pollLookMs, Math.max(1, nextEndMs));
      await this.#clock.sleep(pauseMs, signal);
    }
  }

  /** `nextEndMs`: how long until the first of them ends by itself. */
  #standings(
    operations: readonly Asked[],
  ): Promise<{ readonly states: OperationState[]; readonly nextEndMs: number }> {
    const ids = operations.map((operation) => operation.instanceId);
    return this.#store.work(this.#declaration, { kind: 'IDS', ids }, ({ nowMs, rows }) => {
      let nextEndMs = Infinity;
      const states = operations.map((operation, position) => {
        const row = rows[position];
        const settled = row === undefined ? undefined : settle(row, nowMs);
        const state = standing(settled, operation.id);
        const endsAtMs = settled?.operation?.endsAtMs ?? null;
        if (state.state === 'RUNNING' && endsAtMs !== null) {
          nextEndMs = Math.min(nextEndMs, endsAtMs - nowMs);
        }
        return state;
      });
      return { states, nextEndMs };
    });
  }

  async #listIds(
    ids: readonly string[],
    downOnly: boolean,
    signal: AbortSignal | undefined,
  ): Promise<ListPage> {
    const rows = await this.#look({ kind: 'IDS', ids }, 'CHECK', signal);
    if (rows === 'NOTHING') return { instances: [], nextCursor: null };
    const instances = seenOf(rows, downOnly).sort((a, b) => (a.id < b.id ? -1 : 1));
    return { instances, nextCursor: null };
  }

  async #listPage(
    after: string | null,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<ListPage> {
    const rows = await this.#look({ kind: 'PAGE', after, limit }, 'LISTING', signal);
    if (rows === 'NOTHING') return { instances: [], nextCursor: null };
    const last = rows.length === limit ? (rows.at(-1)?.id ?? null) : null;
    return { instances: seenOf(rows, false), nextCursor: last };
  }

  /** Reads suspects until a page is full or there are no more. */
  async #listDown(
    from: string | null,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<ListPage> {
    const instances: ObservedInstance[] = [];
    for (let after = from; ;) {
      const rows = await this.#look(this.#suspects(after, limit), 'LISTING', signal);
      if (rows === 'NOTHING') return { instances: [], nextCursor: null };
      for (const { seen } of rows) {
        if (seen === null || !isDown(seen)) continue;
        instances.push(seen);
        if (instances.length === limit) return { instances, nextCursor: seen.id };
      }
      if (rows.length < limit) return { instances, nextCursor: null };
      after = rows.at(-1)?.id ?? null;
    }
  }

  #suspects(after: string | null, limit: number): Selection {
    return { kind: 'SUSPECTS', after, limit, homeVersion: this.#settings.version };
  }

  /** NOTHING: the fleet answers that it has no instances, which a fault makes it say. */
  async #look(
    selection: Selection,
    as: Look,
    signal: AbortSignal | undefined,
  ): Promise<readonly ObservedRow[] | 'NOTHING'> {
    const reading = await this.#store.work(
      this.#declaration,
      selection,
      (given): Reading<readonly ObservedRow[] | 'NOTHING'> => this.#read(given, as),
    );
    if ('answer' in reading) return reading.answer;
    if (reading.fault === 'HANG') await this.#clock.sleep(SIMULATED_LIMITS.hangingCallMs, signal);
    throw new TargetUnreachableError(
      reading.fault === 'HANG'
        ? `the fleet did not answer within ${SIMULATED_LIMITS.hangingCallMs} ms`
        : 'the fleet cannot be asked',
    );
  }

  #read(given: FleetWork, as: Look): Reading<readonly ObservedRow[] | 'NOTHING'> {
    const { faults } = given;
    const whole = as === 'COUNT' ? faults.lookWhole('LIST') : faults.takeWhole('LIST');
    if (whole === 'FAIL' || whole === 'HANG') return { fault: whole };
    if (whole === 'NO_DATA') return { answer: 'NOTHING' };
    const world = this.#world(given);
    const answer: ObservedRow[] = [];
    for (const before of given.rows) {
      if (before === undefined || before.gone) continue;
      const row = settle(before, given.nowMs);
      const seen = whole === 'VANISH' ? null : observe(row, world, as);
      // What is once seen to be gone stays away.
      if (seen === null && as !== 'COUNT') given.put(vanish(row));
      answer.push({ id: row.id, seen: whole === 'LIE' ? asIfUp(row) : seen });
    }
    return { answer };
  }

  #world({ nowMs, faults, record }: FleetWork): SimulatedWorld {
    const { latencyMs, seed, version, volatile } = this.#settings;
    const outcomesKept = volatile
      ? SIMULATED_LIMITS.outcomesKeptVolatile
      : SIMULATED_LIMITS.outcomesKept;
    return { nowMs, faults, latencyMs, seed, homeVersion: version, outcomesKept, record };
  }
}

/** The fleet that settings speak of. */
export function declarationOf(settings: SimulatedSettings): FleetDeclaration {
  const { fleet, instances, version, faults, volatile, history } = settings;
  return { fleet, instances, version, faults, keepsHistory: history ?? !volatile };
}

interface ObservedRow {
  readonly id: string;
  readonly seen: ObservedInstance | null;
}

function isDown(seen: ObservedInstance | null): boolean {
  return seen !== null && !(seen.admitted && seen.healthy);
}

function seenOf(rows: readonly ObservedRow[], downOnly: boolean): ObservedInstance[] {
  const all: ObservedInstance[] = [];
  for (const { seen } of rows) if (seen !== null && (!downOnly || isDown(seen))) all.push(seen);
  return all;
}

/** A fleet that lies claims of every instance what was last asked of it. */
function asIfUp(row: SimulatedInstance): ObservedInstance {
  const version = row.operation?.version ?? row.runs;
  return { id: row.id, version, admitted: true, healthy: true, problem: null };
}
