import { AgentTargets } from '#targets/agent-targets.js';
import { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { RegisteredDrivers } from '#targets/target-drivers.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import type { ServiceGround } from './service-process.js';

/** All drivers, as a service's process uses them. */
export async function openTargets({ clock }: ServiceGround): Promise<{
  readonly drivers: TargetDrivers;
  readonly simulated: SimulatedTargets;
}> {
  const simulated = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
  const drivers = new RegisteredDrivers({ simulated, agent: new AgentTargets() });
  return Promise.resolve({ drivers, simulated });
}
