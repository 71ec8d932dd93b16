import { AgentTargets } from '#targets/agent-targets.js';
import { openFleetPool } from '#targets/fleet-pool.js';
import { PostgresFleetStore } from '#targets/postgres-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { RegisteredDrivers } from '#targets/target-drivers.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import type { ServiceGround } from './service-process.js';

/** All drivers, as a service's process uses them; what they hold open ends with the process. */
export function openTargets({ clock, config, shutdown }: ServiceGround): {
  readonly drivers: TargetDrivers;
  readonly simulated: SimulatedTargets;
} {
  const pool = openFleetPool(config.DATABASE_URL);
  shutdown.at('closeConnections', 'fleets', () => pool.end());
  const simulated = new SimulatedTargets(new PostgresFleetStore(pool), clock);
  const agent = new AgentTargets({ allowLinkLocal: config.EGRESS_LINK_LOCAL });
  const drivers = new RegisteredDrivers({ simulated, agent });
  return { drivers, simulated };
}
