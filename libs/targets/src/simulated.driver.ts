import type { Clock } from '#runtime/clock.js';
import type {
  FleetDeclaration,
  FleetWork,
  Selection,
  SimulatedFleetStore,
} from './simulated-fleet.store.js';
import { begin, settle, standing } from './simulated-instance.js';
import type { SimulatedWorld } from './simulated-instance.js';
import type { Look } from './simulated-look.js';
import {
  isDown,
  readInstances,
  readMetric,
  seenOf,
  type Reading,
  type SeenRow,
} from './simulated-reading.js';
import { beginSet, standingSet } from './simulated-sets.js';
import type { SimulatedSettings } from './simulated-settings.js';
import { POLL_WAIT_MAX_MS, SIMULATED_LIMITS } from './target-limits.js';
import { TargetDriver, TargetUnreachableError } from './target.driver.js';
import type {
  Backup,
  Capabilities,
  Fence,
  InstanceOperation,
  ListPage,
  ListQuery,
  MetricQuery,
  ObservedInstance,
  OperationState,
  RoomCount,
  SetInfo,
  SetOperation,
} from './target.driver.js';

type Asked = { readonly id: string; readonly instanceId: string };
/** What is asked of a page, whichever way it is selected. */
interface Page {
  readonly set: string | undefined;
  readonly after: string | null;
  readonly limit: number;
}

const ALL_CAPABILITIES: Capabilities = { sets: true, weights: true, backups: true, metrics: true };
const HOUR_MS = 3_600_000;

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
    return Promise.resolve(ALL_CAPABILITIES);
  }

  override async list(query: ListQuery, signal?: AbortSignal): Promise<ListPage> {
    const { ids, set, limit, downOnly = false } = query;
    if (ids !== undefined) return this.#listIds(ids, query, signal);
    const page = { set, limit, after: query.cursor ?? null };
    return downOnly ? this.#listDown(page, signal) : this.#listPage(page, signal);
  }

  override async room(except: readonly string[], signal?: AbortSignal): Promise<RoomCount> {
    const own = new Set(except);
    const { sets, listed } = await this.#store.sets(this.#declaration);
    const limit = SIMULATED_LIMITS.rowsPerLook;
    let down = 0;
    for (let after: string | null = null, isMore = true; isMore;) {
      const page = this.#suspects({ set: sets.live, after, limit });
      const rows: readonly SeenRow[] | 'NOTHING' = await this.#look(page, 'COUNT', signal);
      if (rows === 'NOTHING') throw new TargetUnreachableError('the fleet reports no numbers');
      for (const { seen, id } of rows) if (isDown(seen) && !own.has(id)) down += 1;
      after = rows.at(-1)?.id ?? null;
      isMore = rows.length === limit;
    }
    const live = listed.get(sets.live) ?? 0;
    let others = -live;
    for (const count of listed.values()) others += count;
    const spare = Math.max(0, (this.#settings.spare ?? live) - others);
    return { listed: live, down, spare };
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

  override poll(
    operations: readonly Asked[],
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<OperationState[]> {
    return this.#untilOneEnds(() => this.#standings(operations), waitMs, signal);
  }

  override async sets(signal?: AbortSignal): Promise<SetInfo[]> {
    // The faults of a listing are those of the list of sets: neither must be taken for an answer.
    const none = { kind: 'IDS', ids: [] } as const;
    if ((await this.#look(none, 'COUNT', signal)) === 'NOTHING') {
      throw new TargetUnreachableError('the fleet reports no sets');
    }
    const { sets, listed } = await this.#store.sets(this.#declaration);
    return [...listed]
      .map(([name, count]) => ({ name, live: name === sets.live, listed: count }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  override async submitSet(operation: SetOperation, fence: Fence): Promise<OperationState> {
    const after = await this.#store.changeSets(this.#declaration, ({ sets, record, ...given }) => {
      const world = { ...this.#world({ ...given, liveSet: sets.live, record: null }), record };
      const begun = beginSet(sets, operation, fence, world);
      return { sets: begun.sets, answer: begun.refused };
    });
    return after.answer ?? standingSet(after.sets, operation.id);
  }

  override async pollSet(
    id: string,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<OperationState> {
    const ask = async (): Promise<Standings> => {
      const { sets, nowMs } = await this.#store.sets(this.#declaration);
      const endsAtMs = sets.operation?.endsAtMs ?? Infinity;
      return { states: [standingSet(sets, id)], nextEndMs: endsAtMs - nowMs };
    };
    const [state] = await this.#untilOneEnds(ask, waitMs, signal);
    return state ?? { id, state: 'UNKNOWN' };
  }

  override backups(): Promise<Backup[]> {
    const nowMs = this.#clock.nowMs();
    const backups = this.#settings.backups.map(({ ageHours, verified }, position) => {
      const takenAtMs = Math.round(nowMs - ageHours * HOUR_MS);
      return { id: `backup-${position + 1}`, takenAtMs, verified };
    });
    return Promise.resolve(backups.sort((a, b) => b.takenAtMs - a.takenAtMs));
  }

  override async metric({ query, ids }: MetricQuery, signal?: AbortSignal): Promise<number | null> {
    const { metrics } = this.#settings;
    const metric = Object.hasOwn(metrics, query) ? metrics[query] : undefined;
    const reading = await this.#store.work(
      this.#declaration,
      { kind: 'IDS', ids: [...new Set(ids)] },
      (given) => readMetric(metric, given, this.#world(given)),
    );
    return this.#answerOf(reading, signal);
  }

  /** A rehearsal answers no requests. */
  override address(): Promise<string | null> {
    return Promise.resolve(null);
  }

  async #untilOneEnds(
    ask: () => Promise<Standings>,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<OperationState[]> {
    const endMs = this.#clock.nowMs() + Math.min(waitMs, POLL_WAIT_MAX_MS);
    for (;;) {
      const { states, nextEndMs } = await ask();
      const leftMs = endMs - this.#clock.nowMs();
      const isOver = leftMs <= 0 || signal?.aborted === true;
      if (isOver || states.some((state) => state.state !== 'RUNNING')) return states;
      const pauseMs = Math.min(leftMs, SIMULATED_LIMITS.pollLookMs, Math.max(1, nextEndMs));
      await this.#clock.sleep(pauseMs, signal);
    }
  }

  #standings(operations: readonly Asked[]): Promise<Standings> {
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
    { set, downOnly = false }: ListQuery,
    signal: AbortSignal | undefined,
  ): Promise<ListPage> {
    const rows = await this.#look({ kind: 'IDS', ids }, 'CHECK', signal);
    if (rows === 'NOTHING') return NO_INSTANCES;
    const wanted = set === undefined ? rows : rows.filter((row) => row.set === set);
    const instances = seenOf(wanted, downOnly).sort((a, b) => (a.id < b.id ? -1 : 1));
    return { instances, nextCursor: null };
  }

  async #listPage(page: Page, signal: AbortSignal | undefined): Promise<ListPage> {
    const rows = await this.#look({ kind: 'PAGE', ...page }, 'LISTING', signal);
    if (rows === 'NOTHING') return NO_INSTANCES;
    const last = rows.length === page.limit ? (rows.at(-1)?.id ?? null) : null;
    return { instances: seenOf(rows, false), nextCursor: last };
  }

  /** Reads suspects until a page is full or there are no more. */
  async #listDown(page: Page, signal: AbortSignal | undefined): Promise<ListPage> {
    const instances: ObservedInstance[] = [];
    for (let after = page.after; ;) {
      const rows = await this.#look(this.#suspects({ ...page, after }), 'LISTING', signal);
      if (rows === 'NOTHING') return NO_INSTANCES;
      for (const { seen } of rows) {
        if (seen === null || !isDown(seen)) continue;
        instances.push(seen);
        if (instances.length === page.limit) return { instances, nextCursor: seen.id };
      }
      if (rows.length < page.limit) return { instances, nextCursor: null };
      after = rows.at(-1)?.id ?? null;
    }
  }

  #suspects(page: Page): Selection {
    return { kind: 'SUSPECTS', ...page, homeVersion: this.#settings.version };
  }

  /** NOTHING: the fleet answers that it has no instances, which a fault makes it say. */
  async #look(
    selection: Selection,
    as: Look,
    signal: AbortSignal | undefined,
  ): Promise<readonly SeenRow[] | 'NOTHING'> {
    const reading = await this.#store.work(this.#declaration, selection, (given) =>
      readInstances(given, this.#world(given), as),
    );
    return this.#answerOf(reading, signal);
  }

  async #answerOf<T>(reading: Reading<T>, signal: AbortSignal | undefined): Promise<T> {
    if ('answer' in reading) return reading.answer;
    if (reading.fault === 'HANG') await this.#clock.sleep(SIMULATED_LIMITS.hangingCallMs, signal);
    throw new TargetUnreachableError(
      reading.fault === 'HANG'
        ? `the fleet did not answer within ${SIMULATED_LIMITS.hangingCallMs} ms`
        : 'the fleet cannot be asked',
    );
  }

  #world(given: Pick<FleetWork, 'nowMs' | 'faults' | 'liveSet' | 'record'>): SimulatedWorld {
    const { latencyMs, seed, version: homeVersion, volatile } = this.#settings;
    const outcomesKept = volatile
      ? SIMULATED_LIMITS.outcomesKeptVolatile
      : SIMULATED_LIMITS.outcomesKept;
    const { nowMs, faults, liveSet, record } = given;
    return { nowMs, faults, liveSet, record, latencyMs, seed, homeVersion, outcomesKept };
  }
}

const NO_INSTANCES: ListPage = { instances: [], nextCursor: null };

interface Standings {
  readonly states: OperationState[];
  /** How long until the first of them ends by itself. */
  readonly nextEndMs: number;
}

/** The fleet that settings speak of. */
export function declarationOf(settings: SimulatedSettings): FleetDeclaration {
  const { fleet, instances, version, faults, volatile, history } = settings;
  return { fleet, instances, version, faults, keepsHistory: history ?? !volatile };
}
