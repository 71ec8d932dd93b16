import type { PoolClient } from 'pg';
import { z } from 'zod';
import {
  FILL_SET,
  INSTANCE_COLUMNS,
  INSERT_INSTANCES,
  UPDATE_INSTANCES,
} from './postgres-fleet.statements.js';
import { FaultBook, SimulatedFaults } from './simulated-faults.js';
import { lookFaultsOf, type FleetDeclaration, type Selection } from './simulated-fleet.store.js';
import {
  idPrefixOf,
  isPlainlyUp,
  type SimulatedAct,
  type SimulatedInstance,
} from './simulated-instance.js';
import { newSets, type InstancesChange, type SimulatedSets } from './simulated-sets.js';
import { SIMULATED_LIMITS } from './target-limits.js';

/** The rows of simulated fleets in Postgres, each function within a transaction of the caller's. */

export interface FleetRow {
  readonly faults: unknown;
  readonly spent: unknown;
  readonly keeps_history: boolean;
  readonly sets: SimulatedSets | null;
  readonly now_ms: number;
}

interface InstanceRow {
  readonly id: string;
  readonly set_name: string;
  readonly index: number;
  readonly runs: string | null;
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

/** The fleet's row, locked; undefined when there is no such fleet. */
export async function lockFleet(client: PoolClient, fleet: string): Promise<FleetRow | undefined> {
  const { rows } = await client.query<FleetRow>(
    `select faults, spent, keeps_history, sets, ${NOW_MS} from simulated.fleets
     where fleet = $1 for update`,
    [fleet],
  );
  return rows[0];
}

/** Makes the fleet's row and its first instances, if there is none of that name yet. */
export async function insertFleet(
  client: PoolClient,
  { fleet, instances, version, faults, keepsHistory }: FleetDeclaration,
): Promise<void> {
  const { rowCount } = await client.query(
    `insert into simulated.fleets (fleet, version, faults, spent, keeps_history)
     values ($1, $2, $3, '[]', $4) on conflict do nothing`,
    [fleet, version, JSON.stringify(faults), keepsHistory],
  );
  if (rowCount === 0) return;
  await insertInstances(client, fleet, version, instances);
}

/** The instances of its first set, as many as there are not yet. */
export async function insertInstances(
  client: PoolClient,
  fleet: string,
  version: string,
  count: number,
): Promise<void> {
  for (const [from, to] of portions(count)) {
    await client.query(INSERT_INSTANCES, [fleet, version, from, to]);
  }
}

/** So many at a time that no statement runs into its limit. */
function portions(count: number): (readonly [from: number, to: number])[] {
  const most = SIMULATED_LIMITS.rowsPerInsert;
  return Array.from({ length: Math.ceil(count / most) }, (_, n) => {
    return [n * most, Math.min(count, (n + 1) * most)];
  });
}

export function bookOf(fleet: FleetRow): FaultBook {
  return new FaultBook(SimulatedFaults.parse(fleet.faults), Spent.parse(fleet.spent));
}

export function setsOf(fleet: FleetRow): SimulatedSets {
  return fleet.sets ?? newSets();
}

export async function updateSets(
  client: PoolClient,
  fleet: string,
  sets: SimulatedSets,
): Promise<void> {
  await client.query('update simulated.fleets set sets = $2 where fleet = $1', [
    fleet,
    JSON.stringify(sets),
  ]);
}

export async function updateSpent(
  client: PoolClient,
  fleet: string,
  faults: FaultBook,
): Promise<void> {
  if (!faults.hasChanged) return;
  const spent = JSON.stringify(faults.spent);
  await client.query('update simulated.fleets set spent = $2 where fleet = $1', [fleet, spent]);
}

/** How many instances each set has; those that vanished are none. */
export async function countSets(
  client: PoolClient,
  fleet: string,
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ set_name: string; listed: number }>(
    `select set_name, (count(*) filter (where not gone))::integer as listed
     from simulated.instances where fleet = $1 group by set_name`,
    [fleet],
  );
  return new Map(rows.map((row) => [row.set_name, row.listed]));
}

export async function changeInstances(
  client: PoolClient,
  fleet: string,
  change: InstancesChange,
): Promise<void> {
  const { kind, set } = change;
  if (kind === 'REMOVE') {
    await client.query('delete from simulated.instances where fleet = $1 and set_name = $2', [
      fleet,
      set,
    ]);
    return;
  }
  const fence = JSON.stringify(change.fence);
  for (const [from, to] of portions(change.size)) {
    await client.query(FILL_SET, [fleet, set, idPrefixOf(set), fence, from, to]);
  }
}

/** What runs in the fleet, or only in one of its sets, or what has ended since; locked. */
export async function selectBusy(
  client: PoolClient,
  fleet: string,
  { set, endedMs }: { readonly set?: string; readonly endedMs?: number } = {},
): Promise<SimulatedInstance[]> {
  const { rows } = await client.query<InstanceRow>(
    `select ${INSTANCE_COLUMNS} from simulated.instances
     where fleet = $1 and not (admitted and up and not busy) and busy
       and ($2::text is null or set_name = $2)
       and ($3::float8 is null or (operation ->> 'endsAtMs')::float8 <= $3)
     order by id for update`,
    [fleet, set ?? null, endedMs ?? null],
  );
  return rows.map(instanceOf);
}

export async function selectInstances(
  client: PoolClient,
  fleet: string,
  selection: Selection,
  liveSet: string,
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
  const { after, limit, set = liveSet } = selection;
  const isSuspicious = selection.kind === 'SUSPECTS' && set === liveSet;
  const suspects = isSuspicious ? suspicion(selection.homeVersion, faults) : null;
  const prefix = idPrefixOf(set);
  // All its ids begin alike: between these two nobody else's rows have to be passed over.
  const last = `${prefix}:`;
  const { rows } = await client.query<InstanceRow>(
    `select ${INSTANCE_COLUMNS} from simulated.instances
     where fleet = $1 and set_name = $2 and id > $3 and id > $4 and id < $5 and not gone
       ${suspects?.where ?? ''}
     order by id limit $6`,
    [fleet, set, after ?? '', prefix, last, limit, ...(suspects?.values ?? [])],
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
  const named = 'index = any($7::integer[])';
  return {
    where: `and (${notUp} or ${named} or ($8::boolean and runs is distinct from $9))`,
    values: [[...looks.named], looks.health, homeVersion],
  };
}

export async function updateInstances(
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

export async function insertActs(
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
  const { set_name: set, came_from: cameFrom, id, index, runs, admitted, up, gone } = row;
  const { fence, operation, earlier } = row;
  return { id, set, index, runs, cameFrom, admitted, up, gone, fence, operation, earlier };
}
