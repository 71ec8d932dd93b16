import type { ListRequest } from '#targets/agent-contract.js';
import type { ListPage, ObservedInstance, RoomCount } from '#targets/target.driver.js';
import { FLEET_LIMITS } from '../fleet-agent-limits.js';
import type { HealthProbe } from './health.probe.js';
import { isShownAdmitted, type FleetRecord, type InstanceRecord } from './instance-record.js';

/** A page of a fleet's instances as they are now, ordered by id. */
export async function list(
  fleet: FleetRecord,
  query: ListRequest,
  probe: HealthProbe,
): Promise<ListPage> {
  const named = query.ids === undefined ? null : new Set(query.ids);
  const { cursor = '' } = query;
  const wanted = inOrder(fleet.instances).filter(
    ({ id }) => id > cursor && (named === null || named.has(id)),
  );
  // A page of down ones may need all to be asked; any other only its own.
  const asked = query.downOnly === true ? wanted : wanted.slice(0, query.limit);
  const seen = await Promise.all(asked.map((instance) => observe(instance, probe)));
  const shown = query.downOnly === true ? seen.filter(isDown) : seen;
  const instances = shown.slice(0, query.limit);
  const isMore = shown.length > query.limit || asked.length < wanted.length;
  return { instances, nextCursor: isMore ? (instances.at(-1)?.id ?? null) : null };
}

export async function room(
  fleet: FleetRecord,
  except: readonly string[],
  probe: HealthProbe,
): Promise<RoomCount> {
  const own = new Set(except);
  const seen = await Promise.all(fleet.instances.map((instance) => observe(instance, probe)));
  const down = seen.filter((instance) => isDown(instance) && !own.has(instance.id)).length;
  const listed = fleet.instances.length;
  return { listed, down, spare: Math.max(0, FLEET_LIMITS.instancesMax - listed) };
}

async function observe(instance: InstanceRecord, probe: HealthProbe): Promise<ObservedInstance> {
  const health = await probe.healthOf(instance.launch);
  return { id: instance.id, admitted: isShownAdmitted(instance), ...health };
}

function isDown({ admitted, healthy }: ObservedInstance): boolean {
  return !(admitted && healthy);
}

function inOrder(instances: readonly InstanceRecord[]): InstanceRecord[] {
  return [...instances].sort((a, b) => (a.id < b.id ? -1 : 1));
}
