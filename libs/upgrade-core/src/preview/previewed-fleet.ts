/** What a preview knows of the fleet, and what of it the upgrade would take. */
import { takePage, type ListedInstance } from '../execution/listing.js';
import { createExecution, type ExecutionPlan, type Validating } from '../execution/execution.js';

export interface SeenFleetInstance extends ListedInstance {
  /** Not both admitted to traffic and healthy. */
  readonly isDown: boolean;
}

export interface PreviewedFleet {
  /** N: all instances the target has now. */
  readonly listed: number;
  /** How many of them are down now. */
  readonly down: number;
  /** All of them, ordered by id; null: there are too many to list them for a preview. */
  readonly instances: readonly SeenFleetInstance[] | null;
}

export interface TakenFleet {
  readonly listed: number;
  readonly down: number;
  readonly total: number;
  /** Null: nobody listed them. */
  readonly alreadyThere: number | null;
  /** Down ones that are taken, by index, ascending: they go first and need no room. */
  readonly downTaken: readonly number[];
  /** Down ones that are not taken: they take up room until the end. */
  readonly downElsewhere: number;
  /** Ids by index; null: nobody listed them, or they are replaced by a new set. */
  readonly ids: readonly string[] | null;
}

/** Listed or not: which are taken is the execution's own rule. */
export function fleetOf(plan: ExecutionPlan, fleet: PreviewedFleet): TakenFleet {
  const { instances } = fleet;
  if (instances === null) return unlistedFleet(plan, fleet);
  const page = { cursor: null, nextCursor: null, instances };
  const { report, taken } = takePage(listing(plan), page);
  const down = new Set(instances.filter(({ isDown }) => isDown).map(({ id }) => id));
  const isSet = plan.newSet !== null;
  // Those that a new set replaces go on as they are until they are retired.
  const downTaken = isSet ? [] : taken.filter(({ instanceId }) => down.has(instanceId));
  return {
    listed: report.listed,
    down: down.size,
    total: report.taken,
    alreadyThere: report.alreadyThere,
    downTaken: downTaken.map(({ index }) => index),
    downElsewhere: down.size - downTaken.length,
    ids: isSet ? null : taken.map(({ instanceId }) => instanceId),
  };
}

/** Nobody knows which are down: those that are taken, and of them the first. */
function unlistedFleet(plan: ExecutionPlan, { listed, down }: PreviewedFleet): TakenFleet {
  const total = Math.min(listed, plan.totalInstances ?? listed);
  const downTaken = plan.newSet === null ? Math.min(down, total) : 0;
  return {
    ...{ listed, down, total, alreadyThere: null, ids: null },
    downTaken: Array.from({ length: downTaken }, (_, index) => index),
    downElsewhere: down - downTaken,
  };
}

/** An execution that has listed nothing yet. */
function listing(plan: ExecutionPlan): Validating {
  const ids = { id: '', tenantId: '', componentId: '' };
  const how = { kind: 'UPGRADE', revertOf: null, handOver: 0, plan } as const;
  return {
    ...createExecution({ ...ids, ...how }, 0),
    status: 'VALIDATING',
    listing: { cursor: null, complete: false, alreadyThere: 0 },
    checksPassed: false,
  };
}
