import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import {
  CREATE_SCHEMA,
  INSERT_INSTANCES,
  INSTANCE_COLUMNS,
  SCHEMA_LOCK,
  UPDATE_INSTANCES,
} from './postgres-fleet.statements.js';
import { FaultBook, SimulatedFaults, type SimulatedFault } from './simulated-faults.js';
import {
  lookFaultsOf,
  SimulatedFleetStore,
  worldOfRelease,
  type FleetDeclaration,
  type FleetWork,
  type Selection,
} from './simulated-fleet.store.js';
import {
  instanceIdOf,
  isPlainlyUp,
  release,
  type SimulatedAct,
  type SimulatedInstance,
} from './simulated-instance.js';
import { SIMULATED_LIMITS } from './target-limits.js';
import { TargetUnreachableError } from './target.driver.js';

interface FleetRow {
  readonly faults: unknown;
  readonly spent: unknown;
  readonly keeps_history: boolean;
  readonly now_ms: number;
}

interface InstanceRow {
  readonly id: string;
  readonly index: number;
  readonly runs: string;
  readonly came_from: string[];
  readonly admitted: boolean;
  readonly up: boolean;
  readonly gone: boolean;
  readonly fence: SimulatedInstance['fence'];
  readonly operation: SimulatedInstance['operation'];
  readonly earlier: NonNullable<SimulatedInstance['operation']>[];
}

const Spent = z.array(z.number());
const NOW_MS = `(extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`;

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
      await client.query(
        `update simulated.fleets set version = $2, faults = $3, spent = '[]', keeps_history = $4
         where fleet = $1`,
        [fleet, version, JSON.stringify(faults), keepsHistory],
      );
      await client.query('delete from simulated.instances where fleet = $1 and index >= $2', [
        fleet,
        instances,
      ]);
      await client.query(
        `update simulated.instances
         set runs = $2, came_from = '[]', admitted = true, up = true, gone = false, busy = false,
             operation = null, earlier = '[]'
         where fleet = $1`,
        [fleet, version],
      );
      await client.query(INSERT_INSTANCES, [fleet, version, 0, instances]);
    });
  }

  override work<T>(
    declaration: FleetDeclaration,
    selection: Selection,
    work: (given: FleetWork) => T,
  ): Promise<T> {
    return this.#transact(async (client) => {
      const fleet = await this.#fleet(client, declaration);
      const faults = bookOf(fleet);
      const rows = await select(client, declaration.fleet, selection, faults);
      const changed = new Map<string, SimulatedInstance>();
      const acts: SimulatedAct[] = [];
      const result = work({
        nowMs: fleet.now_ms,
        faults,
        rows,
        put: (row) => changed.set(row.id, row),
        record: fleet.keeps_history ? (act) => acts.push(act) : null,
      });
      await update(client, declaration.fleet, [...changed.values()]);
      await record(client, declaration.fleet, acts);
      if (faults.hasChanged) {
        await client.query('update simulated.fleets set spent = $2 where fleet = $1', [
          declaration.fleet,
          JSON.stringify(faults.spent),
        ]);
      }
      return result;
    });
  }

  override count(declaration: FleetDeclaration): Promise<number> {
    return this.#transact(async (client) => {
      await this.#fleet(client, declaration);
      const { rows } = await client.query<{ count: number }>(
        `select count(*)::integer as count from simulated.instances where fleet = $1 and not gone`,
        [declaration.fleet],
      );
      return rows[0]?.count ?? 0;
    });
  }

  override setFaults(fleet: string, faults: readonly SimulatedFault[]): Promise<boolean> {
    return this.#transact(async (client) => {
      const changed = await client.query<{ now_ms: number }>(
        `update simulated.fleets set faults = $2, spent = '[]' where fleet = $1 returning ${NOW_MS}`,
        [fleet, JSON.stringify(faults)],
      );
      const nowMs = changed.rows[0]?.now_ms;
      if (nowMs === undefined) return false;
      const { rows } = await client.query<InstanceRow>(
        `select ${INSTANCE_COLUMNS} from simulated.instances where fleet = $1 and busy
         order by id for update`,
        [fleet],
      );
      const world = worldOfRelease(nowMs, new FaultBook(faults));
      await update(
        client,
        fleet,
        rows.map((row) => release(instanceOf(row), world)),
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

  override alter(
    fleet: string,
    index: number,
    change: Partial<Pick<SimulatedInstance, 'runs' | 'admitted' | 'up' | 'gone'>>,
  ): Promise<void> {
    return this.#transact(async (client) => {
      await client.query(
        `insert into simulated.instances
           (fleet, id, index, runs, came_from, admitted, up, gone, busy, fence, operation, earlier)
         select fleet, $2, $3, version, '[]', true, true, false, false, null, null, '[]'
         from simulated.fleets where fleet = $1
         on conflict do nothing`,
        [fleet, instanceIdOf(index), index],
      );
      const [row] = await select(client, fleet, { kind: 'IDS', ids: [instanceIdOf(index)] });
      if (row !== undefined) await update(client, fleet, [{ ...row, ...change }]);
    });
  }

  /**
   * The fleet's row, locked: one piece of work at a time for a fleet. Simple, and quick enough for
   * rehearsals; benchmarks use volatile fleets.
   */
  async #fleet(client: PoolClient, declaration: FleetDeclaration): Promise<FleetRow> {
    for (;;) {
      const { rows } = await client.query<FleetRow>(
        `select faults, spent, keeps_history, ${NOW_MS} from simulated.fleets
         where fleet = $1 for update`,
        [declaration.fleet],
      );
      if (rows[0] !== undefined) return rows[0];
      await insertFleet(client, declaration);
      const { instances, version } = declaration;
      await client.query(INSERT_INSTANCES, [declaration.fleet, version, 0, instances]);
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

function ignore(): void {
  // Whoever asks next is told.
}

function bookOf(fleet: FleetRow): FaultBook {
  return new FaultBook(SimulatedFaults.parse(fleet.faults), Spent.parse(fleet.spent));
}

async function insertFleet(client: PoolClient, declaration: FleetDeclaration): Promise<void> {
  const { fleet, version, faults, keepsHistory } = declaration;
  await client.query(
    `insert into simulated.fleets (fleet, version, faults, spent, keeps_history)
     values ($1, $2, $3, '[]', $4) on conflict do nothing`,
    [fleet, version, JSON.stringify(faults), keepsHistory],
  );
}

async function select(
  client: PoolClient,
  fleet: string,
  selection: Selection,
  faults = new FaultBook([]),
): Promise<(SimulatedInstance | undefined)[]> {
  if (selection.kind === 'IDS') {
    const { rows } = await client.query<InstanceRow>(
      `select ${INSTANCE_COLUMNS} from simulated.instances where fleet = $1 and id = any($2)`,
      [fleet, selection.ids],
    );
    const byId = new Map(rows.map((row) => [row.id, instanceOf(row)]));
    return selection.ids.map((id) => byId.get(id));
  }
  const { after, limit } = selection;
  const suspects = selection.kind === 'SUSPECTS' ? suspicion(selection.homeVersion, faults) : null;
  const { rows } = await client.query<InstanceRow>(
    `select ${INSTANCE_COLUMNS} from simulated.instances
     where fleet = $1 and id > $2 and not gone ${suspects?.where ?? ''}
     order by id limit $3`,
    [fleet, after ?? '', limit, ...(suspects?.values ?? [])],
  );
  return rows.map(instanceOf);
}

/** `isSuspect` in SQL. */
function suspicion(
  homeVersion: string,
  faults: FaultBook,
): { readonly where: string; readonly values: readonly unknown[] } {
  const looks = lookFaultsOf(faults, homeVersion);
  const notUp = 'not (admitted and up and not busy)';
  const named = 'index = any($4::integer[])';
  return {
    where: `and (${notUp} or ${named} or ($5::boolean and runs <> $6))`,
    values: [[...looks.named], looks.health, homeVersion],
  };
}

async function update(
  client: PoolClient,
  fleet: string,
  rows: readonly SimulatedInstance[],
): Promise<void> {
  if (rows.length === 0) return;
  const changed = rows.map((row) => ({
    id: row.id,
    runs: row.runs,
    came_from: row.cameFrom,
    admitted: row.admitted,
    up: row.up,
    gone: row.gone,
    busy: !row.gone && !isPlainlyUp({ ...row, admitted: true, up: true }),
    fence: row.fence,
    operation: row.operation,
    earlier: row.earlier,
  }));
  await client.query(UPDATE_INSTANCES, [fleet, JSON.stringify(changed)]);
}

async function record(
  client: PoolClient,
  fleet: string,
  acts: readonly SimulatedAct[],
): Promise<void> {
  if (acts.length === 0) return;
  await client.query(
    `insert into simulated.history (fleet, act)
     select $1, act from jsonb_array_elements($2::jsonb) with ordinality as given(act, n)
     order by n`,
    [fleet, JSON.stringify(acts)],
  );
  const { rows } = await client.query<{ acts: number }>(
    'update simulated.fleets set acts = acts + $2 where fleet = $1 returning acts',
    [fleet, acts.length],
  );
  if ((rows[0]?.acts ?? 0) <= SIMULATED_LIMITS.historyMax * 2) return;
  await client.query(
    `delete from simulated.history where fleet = $1 and position <= (
       select position from simulated.history where fleet = $1
       order by position desc offset $2 limit 1)`,
    [fleet, SIMULATED_LIMITS.historyMax],
  );
  await client.query('update simulated.fleets set acts = $2 where fleet = $1', [
    fleet,
    SIMULATED_LIMITS.historyMax,
  ]);
}

function instanceOf(row: InstanceRow): SimulatedInstance {
  const { came_from: cameFrom, id, index, runs, admitted, up, gone } = row;
  const { fence, operation, earlier } = row;
  return { id, index, runs, cameFrom, admitted, up, gone, fence, operation, earlier };
}
