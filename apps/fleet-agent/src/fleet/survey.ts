import type { ListRequest } from '#targets/agent-contract.js';
import type { ListPage, ObservedInstance, RoomCount } from '#targets/target.driver.js';
import { instancesOf, isShownAdmitted, type FleetRecord } from './fleet-record.js';
import type { HealthProbe } from './health.probe.js';
import type { InstanceRecord } from './instance-record.js';

/** A page of a fleet's instances as they are now, ordered by id. */
export async function list(
  fleet: FleetRecord,
  query: ListRequest,
  probe: HealthProbe,
): Promise<ListPage> {
  const { cursor = '', set = query.ids === undefined ? fleet.live : null } = query;
  const named = query.ids === undefined ? null : new Set(query.ids);
  const ofSet = set === null ? fleet.instances : instancesOf(fleet, set);
  const wanted = inOrder(ofSet).filter(
    ({ id }) => id > cursor && (named === null || named.has(id)),
  );
  // A page of down ones may need all to be asked; any other only its own.
  const asked = query.downOnly === true ? wanted : wanted.slice(0, query.limit);
  const seen = await Promise.all(asked.map((instance) => observe(fleet, instance, probe)));
  const shown = query.downOnly === true ? seen.filter(isDown) : seen;
  const instances = shown.slice(0, query.limit);
  const isMore = shown.length > query.limit || asked.length < wanted.length;
  return { instances, nextCursor: isMore ? (instances.at(-1)?.id ?? null) : null };
}

/** Counts of the live set; `spare`: how many instances could run beside all there are. */
export async function room(
  fleet: FleetRecord,
  { except, spare }: { readonly except: readonly string[]; readonly spare: number },
  probe: HealthProbe,
): Promise<RoomCount> {
  const own = new Set(except);
  const live = instancesOf(fleet, fleet.live);
  const seen = await Promise.all(live.map((instance) => observe(fleet, instance, probe)));
  const down = seen.filter((instance) => isDown(instance) && !own.has(instance.id)).length;
  return { listed: live.length, down, spare };
}

async function observe(
  fleet: FleetRecord,
  instance: InstanceRecord,
  probe: HealthProbe,
): Promise<ObservedInstance> {
  const health = await probe.healthOf(instance.launch);
  const admitted = isShownAdmitted(fleet, instance);
  const { id, fence } = instance;
  return { id, admitted, ...health, ...(fence !== null && { fence }) };
}

function isDown({ admitted, healthy }: ObservedInstance): boolean {
  return !(admitted && healthy);
}

function inOrder(instances: readonly InstanceRecord[]): InstanceRecord[] {
  return [...instances].sort((a, b) => (a.id < b.id ? -1 : 1));
}
