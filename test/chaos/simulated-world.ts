/**
 * The simulated fleets seen and touched directly, past the services: they stand for the outside
 * world, which nobody has to ask through the product.
 */
import pg from 'pg';
import { settle, type SimulatedAct, type SimulatedInstance } from '#targets/simulated-instance.js';
import type { SimulatedFault } from '#targets/simulated-faults.js';
import { PostgresFleetStore } from '#targets/postgres-fleet.store.js';
import type { FleetDeclaration } from '#targets/simulated-fleet.store.js';
import type { InstanceSeen } from './history.js';

interface Row {
  readonly id: string;
  readonly set_name: string;
  readonly index: number;
  readonly runs: string | null;
  readonly admitted: boolean;
  readonly up: boolean;
  readonly fence: SimulatedInstance['fence'];
  readonly operation: SimulatedInstance['operation'];
  readonly live: string;
  readonly now_ms: number;
}

/** Every instance that is there, of all sets, in one snapshot. */
const SELECT = `
select i.id, i.set_name, i.index, i.runs, i.admitted, i.up, i.fence, i.operation,
       coalesce(f.sets ->> 'live', 'main') as live,
       (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms
from simulated.instances i join simulated.fleets f using (fleet)
where fleet = $1 and not i.gone order by i.id`;

export interface FleetStand {
  readonly live: string;
  readonly sets: readonly string[];
  readonly instances: readonly InstanceSeen[];
}

export class SimulatedFleets {
  readonly #pool: pg.Pool;
  readonly #store: PostgresFleetStore;

  /** @param url of the database itself, past the network that is cut */
  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 2_000 });
    this.#store = new PostgresFleetStore(this.#pool);
  }

  /** The live set as it is, past every fault; rejects while the database is away. */
  async look(fleet: string): Promise<FleetStand> {
    const { rows } = await this.#pool.query<Row>(SELECT, [fleet]);
    const live = rows[0]?.live ?? 'main';
    return {
      live,
      sets: [...new Set(rows.map((row) => row.set_name))],
      instances: rows.filter((row) => row.set_name === live).map(seenOf),
    };
  }

  /** As `look`, once all that is due has been done. */
  async stand(fleet: string): Promise<FleetStand> {
    await this.#store.sets(declarationOf(fleet));
    return this.look(fleet);
  }

  async setFaults(fleet: string, faults: readonly SimulatedFault[]): Promise<void> {
    await this.#store.setFaults(fleet, faults);
  }

  history(fleet: string): Promise<SimulatedAct[]> {
    return this.#store.history(fleet);
  }

  /** Anything else that is asked of the database past the services. */
  async query<Found extends pg.QueryResultRow>(sql: string): Promise<Found[]> {
    return (await this.#pool.query<Found>(sql)).rows;
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}

/** Of a fleet that is there already: what it would be made of plays no part. */
function declarationOf(fleet: string): FleetDeclaration {
  return { fleet, instances: 1, version: '0.0.0', faults: [], keepsHistory: true };
}

function seenOf(row: Row): InstanceSeen {
  const before = { ...row, set: row.set_name, cameFrom: [], gone: false, earlier: [] };
  const { id, runs, admitted, up, operation } = settle(before, row.now_ms);
  const isMoving = operation?.state === 'RUNNING';
  return { id, version: runs, admitted, healthy: up && !isMoving };
}
