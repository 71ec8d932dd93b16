import { z } from 'zod';
import { BackupMessage, SetOperationRequest } from '#targets/agent-contract.js';
import { compareFences, type Fence, type SetInfo } from '#targets/target.driver.js';
import { FLEET_LIMITS } from '../fleet-agent-limits.js';
import type { FleetRoutes } from '../proxy/fleet-routes.js';
import { InstanceRecord, isRouted, newInstanceRecord } from './instance-record.js';
import { accept, EMPTY_LEDGER, giveWay, ledgerRow, operationRow } from './operation-ledger.js';
import type { Acceptance } from './operation-ledger.js';

/** What the agent knows of one fleet and keeps across its own restart, and the pure rules of sets. */

/** The set a fleet begins with. */
const FIRST_SET = 'main';

const SetRecord = z.object({
  name: z.string(),
  /** Where the edge proxy answers for this set alone; 0: not given yet. */
  port: z.number(),
});

const SetOperationRecord = z.object({ ...operationRow, asked: SetOperationRequest });
export type SetOperationRecord = z.infer<typeof SetOperationRecord>;

export const FleetRecord = z.object({
  name: z.string(),
  /** Where the edge proxy takes this fleet's traffic; 0: not given yet. */
  trafficPort: z.number(),
  /** The version new instances are started with. */
  version: z.string(),
  /** Artifacts of the versions that were brought, the latest last. */
  releases: z.record(z.string(), z.record(z.string(), z.string())),
  sets: z.array(SetRecord),
  /** The set that traffic goes to. */
  live: z.string(),
  /** The set it is to go to: written down, and perhaps not yet told to the proxy. */
  switchingTo: z.string().nullable(),
  /** What instances of one version get of the live set's requests; null: by their number. */
  share: z.object({ version: z.string(), percentage: z.number() }).nullable(),
  /** Of all sets, in the order in which they were made. */
  instances: z.array(InstanceRecord),
  /** How many instances were ever made: ids are not used again. */
  made: z.number(),
  /** As they were declared: the agent makes none itself. */
  backups: z.array(BackupMessage),
  setOperations: z.object(ledgerRow(SetOperationRecord)),
});
export type FleetRecord = z.infer<typeof FleetRecord>;

export function emptyFleet(name: string, version: string, trafficPort: number): FleetRecord {
  return {
    name,
    trafficPort,
    version,
    releases: {},
    sets: [{ name: FIRST_SET, port: 0 }],
    live: FIRST_SET,
    switchingTo: null,
    share: null,
    instances: [],
    made: 0,
    backups: [],
    setOperations: EMPTY_LEDGER,
  };
}

export function instancesOf(fleet: FleetRecord, set: string): InstanceRecord[] {
  return fleet.instances.filter((instance) => instance.set === set);
}

export function hasSet(fleet: FleetRecord, set: string): boolean {
  return fleet.sets.some(({ name }) => name === set);
}

/** Ordered by name. */
export function setsOf(fleet: FleetRecord): SetInfo[] {
  return fleet.sets
    .map(({ name }) => ({
      name,
      live: name === fleet.live,
      listed: instancesOf(fleet, name).length,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The fleet with this set, made when it is not there, and so many places in it; those that are there
 * stay. `admitted`: whether a new one takes requests as soon as it runs, or waits to be readmitted.
 */
export function withPlaces(
  fleet: FleetRecord,
  set: string,
  { size, admitted }: { readonly size: number; readonly admitted: boolean },
): FleetRecord {
  const missing = Math.max(0, size - instancesOf(fleet, set).length);
  const places = Array.from({ length: missing }, (_, offset) =>
    newInstanceRecord(instanceId(fleet.name, set, fleet.made + offset), { set, admitted }),
  );
  return {
    ...fleet,
    sets: hasSet(fleet, set) ? fleet.sets : [...fleet.sets, { name: set, port: 0 }],
    instances: [...fleet.instances, ...places],
    made: fleet.made + missing,
  };
}

export function withoutSet(fleet: FleetRecord, set: string): FleetRecord {
  return {
    ...fleet,
    sets: fleet.sets.filter(({ name }) => name !== set),
    instances: fleet.instances.filter((instance) => instance.set !== set),
  };
}

/** The releases with one more, the oldest forgotten. */
export function withRelease(
  releases: FleetRecord['releases'],
  version: string,
  artifacts: Readonly<Record<string, string>>,
): FleetRecord['releases'] {
  const others = Object.entries(releases).filter(([known]) => known !== version);
  const kept = others.slice(-(FLEET_LIMITS.releasesKept - 1));
  return Object.fromEntries([...kept, [version, { ...artifacts }]]);
}

/** An operation on a set arrives: begun, adopted, answered from memory, or refused. */
export function acceptSetOperation(
  fleet: FleetRecord,
  asked: SetOperationRequest,
  fence: Fence,
  nowMs: number,
): Acceptance<FleetRecord> {
  const operation = { id: asked.id, asked, beganAtMs: nowMs, state: 'RUNNING' as const };
  const { kept, state, begins } = accept(fleet.setOperations, operation, fence);
  const higher = asked.verb === 'retireSet' ? higherFence(fleet, asked.set, fence) : null;
  if (higher !== null && state.state !== 'REFUSED') {
    const refused = { id: asked.id, state: 'REFUSED' as const, fence: higher };
    return { kept: fleet, state: refused, begins: false };
  }
  const taken = { ...fleet, setOperations: kept };
  const going = retiringSet(taken);
  if (going === null || state.state !== 'RUNNING') return { kept: taken, state, begins };
  // What is to go is nobody else's any more.
  const instances = fleet.instances.map((each) =>
    each.set === going ? giveWay(each, asked.id, fence) : each,
  );
  return { kept: { ...taken, instances }, state, begins };
}

/** The set that is going; null: none. The live one never does. */
export function retiringSet({ live, switchingTo, setOperations }: FleetRecord): string | null {
  const { operation } = setOperations;
  if (operation?.state !== 'RUNNING' || operation.asked.verb !== 'retireSet') return null;
  const { set } = operation.asked;
  return set === live || set === switchingTo ? null : set;
}

/**
 * Whether an instance is shown as admitted: routed, in the live set. Never before the proxy knows of
 * it: an instance that counts as up too early gives others room to go down. One that counts as down
 * too early costs nothing.
 */
export function isShownAdmitted(fleet: FleetRecord, instance: InstanceRecord): boolean {
  const { operation } = instance;
  const isReadmitted = operation?.verb === 'readmit' && operation.state === 'RUNNING';
  return instance.set === fleet.live && isRouted(instance) && !isReadmitted;
}

/** Where the proxy is to send the fleet's traffic. */
export function routesOf(fleet: FleetRecord): FleetRoutes {
  const { trafficPort, live, switchingTo, share, sets } = fleet;
  return {
    port: trafficPort,
    live: switchingTo ?? live,
    share,
    sets: sets.map(({ name, port }) => ({
      name,
      port,
      instances: instancesOf(fleet, name).flatMap((instance) => {
        const { id, launch } = instance;
        if (launch === null) return [];
        return [{ id, port: launch.port, version: launch.version, admitted: isRouted(instance) }];
      }),
    })),
  };
}

/** Where a set answers requests, by its port; null: it answers none. */
export function portOf(fleet: FleetRecord, set: string): number | null {
  const port = fleet.sets.find(({ name }) => name === set)?.port ?? 0;
  return port !== 0 && instancesOf(fleet, set).some(isRouted) ? port : null;
}

/**
 * Ids of a set sort in the order in which its instances were made: beyond four digits a letter says
 * how many there are (9999, a10000, …, b100000).
 */
export function instanceId(fleet: string, set: string, index: number): string {
  const digits = String(index).padStart(ID_DIGITS, '0');
  const more = digits.length - ID_DIGITS;
  const mark = more === 0 ? '' : String.fromCharCode('a'.charCodeAt(0) + more - 1);
  return `${fleet}-${set === FIRST_SET ? '' : `${set}-`}${mark}${digits}`;
}

const ID_DIGITS = 4;

/** The highest fence that an instance of the set knows, when it is higher than this one. */
function higherFence(fleet: FleetRecord, set: string, fence: Fence): Fence | null {
  let highest: Fence = fence;
  for (const { fence: known } of instancesOf(fleet, set)) {
    if (known !== null && compareFences(known, highest) > 0) highest = known;
  }
  return highest === fence ? null : highest;
}
