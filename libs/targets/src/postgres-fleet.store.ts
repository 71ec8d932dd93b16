import type { Pool, PoolClient } from 'pg';
import {
  bookOf,
  changeInstances,
  countSets,
  insertActs,
  insertFleet,
  insertInstances,
  lockFleet,
  selectBusy,
  selectInstances,
  setsOf,
  updateInstances,
  updateSets,
  updateSpent,
  type FleetRow,
} from './postgres-fleet.row.js';
import { CREATE_SCHEMA, SCHEMA_LOCK } from './postgres-fleet.statements.js';
import { FaultBook, type SimulatedFault } from './simulated-faults.js';
import {
  isFit,
  SimulatedFleetStore,
  worldOfRelease,
  type Alteration,
  type FleetDeclaration,
  type FleetWork,
  type Selection,
  type SetsChange,
  type SetsView,
  type SetsWork,
} from './simulated-fleet.store.js';
import {
  instanceIdOf,
  recordEnd,
  release,
  settle,
  type SimulatedAct,
  type SimulatedInstance,
} from './simulated-instance.js';
import {
  dueOperation,
  finishSet,
  newSets,
  releaseSet,
  type SetsAsTheyAre,
  type SimulatedSetOperation,
  type SimulatedSets,
} from './simulated-sets.js';
import { SIMULATED_LIMITS } from './target-limits.js';
import { TargetUnreachableError } from './target.driver.js';

/** One fleet under lock, as a transaction works on it. */
interface Held {
  readonly client: PoolClient;
  readonly fleet: string;
  readonly homeVersion: string;
  readonly nowMs: number;
  readonly faults: FaultBook;
  sets: SimulatedSets;
  /** Null when the fleet keeps no history. */
  readonly acts: SimulatedAct[] | null;
}

/**
 * Simulated fleets in Postgres, where every service sees the same ones. Time is the database's, so
 * that services whose clocks differ see one world.
 */
export class PostgresFleetStore extends SimulatedFleetStore {
  readonly #pool: Pool;
  #schema: Promise<void> | null = null;

  /** @param pool of the caller, who also ends it */
  constructor(pool: Pool) {
    super();
    this.#pool = pool;
    // An idle connection that is cut is replaced at the next use; unheard, it would end the process.
    pool.on('error', ignore);
  }

  override async declare(declaration: FleetDeclaration): Promise<void> {
    await this.#transact(async (client) => {
      await insertFleet(client, declaration);
      const { fleet, instances, version, faults, keepsHistory } = declaration;
      const before = await lockFleet(client, fleet);
      const sets = newSets(before?.sets?.fence);
      await client.query(
        `update simulated.fleets
         set version = $2, faults = $3, spent = '[]', keeps_history = $4, sets = $5
         where fleet = $1`,
        [fleet, version, JSON.stringify(faults), keepsHistory, JSON.stringify(sets)],
      );
      await client.query(
        `delete from simulated.instances
         where fleet = $1 and (index >= $2 or set_name <> $3)`,
        [fleet, instances, sets.live],
      );
      await client.query(
        `update simulated.instances
         set runs = $2, came_from = '[]', admitted = true, up = true, gone = false, busy = false,
             operation = null, earlier = '[]'
         where fleet = $1`,
        [fleet, version],
      );
      await insertInstances(client, fleet, version, instances);
    });
  }

  override work<T>(
    declaration: FleetDeclaration,
    selection: Selection,
    work: (given: FleetWork) => T,
  ): Promise<T> {
    return this.#onFleet(declaration, async (held) => {
      const { client, fleet, nowMs, faults, acts } = held;
      const liveSet = held.sets.live;
      if (selection.kind === 'SUSPECTS') await settleEnded(held);
      const rows = await selectInstances(client, fleet, selection, liveSet, faults);
      const changed = new Map<string, SimulatedInstance>();
      const put = (row: SimulatedInstance): unknown => changed.set(row.id, row);
      const record = acts === null ? null : (act: SimulatedAct): unknown => acts.push(act);
      const result = work({ nowMs, faults, liveSet, rows, put, record });
      await updateInstances(client, fleet, [...changed.values()]);
      return result;
    });
  }

  override sets(declaration: FleetDeclaration): Promise<SetsView> {
    return this.#onFleet(declaration, viewOf);
  }

  override changeSets<T>(
    declaration: FleetDeclaration,
    change: (given: SetsWork) => SetsChange<T>,
  ): Promise<SetsView & { readonly answer: T }> {
    return this.#onFleet(declaration, async (held) => {
      const { nowMs, faults, acts } = held;
      const record = acts === null ? null : (act: SimulatedAct): unknown => acts.push(act);
      const { sets, answer } = change({ nowMs, faults, sets: held.sets, record });
      await keepSets(held, sets);
      await settleSets(held);
      return { ...(await viewOf(held)), answer };
    });
  }

  override setFaults(fleet: string, faults: readonly SimulatedFault[]): Promise<boolean> {
    return this.#transact(async (client) => {
      const row = await lockFleet(client, fleet);
      if (row === undefined) return false;
      const book = new FaultBook(faults);
      await client.query(
        `update simulated.fleets set faults = $2, spent = '[]', sets = $3 where fleet = $1`,
        [fleet, JSON.stringify(faults), JSON.stringify(releaseSet(setsOf(row), row.now_ms, book))],
      );
      const world = worldOfRelease(row.now_ms, book);
      const busy = await selectBusy(client, fleet);
      await updateInstances(
        client,
        fleet,
        busy.map((each) => release(each, world)),
      );
      return true;
    });
  }

  override history(fleet: string): Promise<SimulatedAct[]> {
    return this.#transact(async (client) => {
      const { rows } = await client.query<{ act: SimulatedAct }>(
        `select act from (
           select act, position from simulated.history where fleet = $1
           order by position desc limit $2) as latest
         order by position`,
        [fleet, SIMULATED_LIMITS.historyMax],
      );
      return rows.map((row) => row.act);
    });
  }

  override alter(fleet: string, index: number, change: Alteration, set?: string): Promise<void> {
    return this.#transact(async (client) => {
      const there = await lockFleet(client, fleet);
      if (there === undefined) return;
      const { live } = setsOf(there);
      const name = set ?? live;
      const id = instanceIdOf(index, name);
      await client.query(
        `insert into simulated.instances
           (fleet, id, set_name, index, runs, came_from, admitted, up, gone, busy, fence, operation,
            earlier)
         select fleet, $2, $3, $4, version, '[]', true, true, false, false, null, null, '[]'
         from simulated.fleets where fleet = $1 and $4 =
           (select max(index) + 1 from simulated.instances where fleet = $1 and set_name = $3)`,
        [fleet, id, name, index],
      );
      const [row] = await selectInstances(client, fleet, { kind: 'IDS', ids: [id] }, live);
      if (row !== undefined) await updateInstances(client, fleet, [{ ...row, ...change }]);
    });
  }

  /**
   * Works on one fleet under its row's lock, so that there is one piece of work at a time: simple,
   * and quick enough for rehearsals; benchmarks use volatile fleets. What is due on its sets is
   * done first, and what the work took down is kept at the end.
   */
  #onFleet<T>(declaration: FleetDeclaration, work: (held: Held) => Promise<T>): Promise<T> {
    return this.#transact(async (client) => {
      const row = await this.#fleet(client, declaration);
      const held: Held = {
        client,
        fleet: declaration.fleet,
        homeVersion: declaration.version,
        nowMs: row.now_ms,
        faults: bookOf(row),
        sets: setsOf(row),
        acts: row.keeps_history ? [] : null,
      };
      await settleSets(held);
      const result = await work(held);
      await updateSpent(client, held.fleet, held.faults);
      await insertActs(client, held.fleet, held.acts ?? []);
      return result;
    });
  }

  async #fleet(client: PoolClient, declaration: FleetDeclaration): Promise<FleetRow> {
    for (;;) {
      const row = await lockFleet(client, declaration.fleet);
      if (row !== undefined) return row;
      await insertFleet(client, declaration);
    }
  }

  async #transact<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    try {
      await this.#ready();
      return await this.#within(work);
    } catch (error) {
      // A mistake in a rule is not the database's absence.
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new TargetUnreachableError(`the simulated fleets cannot be asked: ${why}`, {
        cause: error,
      });
    }
  }

  /** Makes the schema once; after a failed try the next one begins anew. */
  #ready(): Promise<void> {
    this.#schema ??= this.#createSchema().catch((error: unknown) => {
      this.#schema = null;
      throw error;
    });
    return this.#schema;
  }

  #createSchema(): Promise<void> {
    return this.#within(async (client) => {
      await client.query('select pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
      await client.query(CREATE_SCHEMA);
    });
  }

  async #within<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    // The same between two statements; the next one fails by itself.
    const onCut = (error: Error): void => {
      broken = error;
    };
    client.on('error', onCut);
    try {
      await client.query(
        `begin; set local statement_timeout = ${SIMULATED_LIMITS.statementTimeoutMs}`,
      );
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      // A connection in an unknown state is not given to the next one.
      await client.query('rollback').catch((failure: unknown) => {
        broken = failure instanceof Error ? failure : new Error(String(failure));
      });
      throw error;
    } finally {
      client.off('error', onCut);
      client.release(broken);
    }
  }
}

/** What has ended is no suspect any more, also where nobody has asked after it since. */
async function settleEnded({ client, fleet, nowMs }: Held): Promise<void> {
  const ended = await selectBusy(client, fleet, { endedMs: nowMs });
  await updateInstances(
    client,
    fleet,
    ended.map((row) => settle(row, nowMs)),
  );
}

/** Does what is due on the sets. */
async function settleSets(held: Held): Promise<void> {
  const { client, fleet, acts } = held;
  const due = dueOperation(held.sets, held.nowMs);
  if (due === null) return;
  const record = acts === null ? null : (act: SimulatedAct): unknown => acts.push(act);
  const { sets, change } = finishSet(held.sets, due, await setsAsTheyAre(held, due), record);
  await keepSets(held, sets);
  if (change === null) return;
  if (change.kind === 'REMOVE') {
    for (const row of await selectBusy(client, fleet, { set: change.set })) {
      recordEnd(settle(row, held.nowMs), change.fence, record);
    }
  }
  await changeInstances(client, fleet, change);
}

async function setsAsTheyAre(held: Held, due: SimulatedSetOperation): Promise<SetsAsTheyAre> {
  const { client, fleet, nowMs } = held;
  const listed = await countSets(client, fleet);
  const set = due.verb === 'switch' ? due.asked.set : null;
  if (set === null) return { listed, hasFit: false };
  const limit = SIMULATED_LIMITS.rowsPerLook;
  for (let after: string | null = null; ;) {
    const page: Selection = { kind: 'PAGE', set, after, limit };
    const rows = await selectInstances(client, fleet, page, held.sets.live);
    if (rows.some((row) => row !== undefined && isFit(row, nowMs, held))) {
      return { listed, hasFit: true };
    }
    after = rows.at(-1)?.id ?? null;
    if (rows.length < limit) return { listed, hasFit: false };
  }
}

async function viewOf({ client, fleet, nowMs, sets }: Held): Promise<SetsView> {
  return { nowMs, sets, listed: await countSets(client, fleet) };
}

async function keepSets(held: Held, sets: SimulatedSets): Promise<void> {
  if (sets === held.sets) return;
  held.sets = sets;
  await updateSets(held.client, held.fleet, sets);
}

function ignore(): void {
  // Whoever asks next is told.
}
