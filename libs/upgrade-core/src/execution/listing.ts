/** Which of the instances a target lists are taken, and as which index (spec §2, §4). */
import type { Validating } from './execution.js';
import type { Report } from './execution-inputs.js';

export interface ListedInstance {
  readonly id: string;
  /** The version it reports (semver), or null when it does not answer. */
  readonly version: string | null;
  /** Left out: not known to be otherwise. */
  readonly admitted?: boolean;
  readonly healthy?: boolean;
}

export interface TakenInstance {
  readonly index: number;
  readonly instanceId: string;
  /** Where a rollback takes it. */
  readonly fromVersion: string | null;
}

export interface ListedPage {
  /** The cursor it was asked with; null for the first page. */
  readonly cursor: string | null;
  readonly nextCursor: string | null;
  /** Ordered by id. */
  readonly instances: readonly ListedInstance[];
}

/**
 * Takes instances in order of their ids until as many are taken as were asked for. One that is on
 * the target version already is not taken; one that does not say its version is, and goes back to
 * the version the deployment says it had.
 *
 * BLUE_GREEN takes them all, to be replaced by as many of a new set, whose ids nobody knows yet.
 *
 * What an upgrade has moved and a REVERT finds on its version, but down, it takes as well: nobody
 * else would ever readmit it, and it would fill the room that the others need.
 *
 * @param moved of a REVERT: the instances that are to be taken back; null: any
 */
export function takePage(
  execution: Validating,
  page: ListedPage,
  moved: ReadonlySet<string> | null = null,
): { report: Extract<Report, { type: 'INSTANCES_LISTED' }>; taken: readonly TakenInstance[] } {
  const { plan, total } = execution;
  const wanted = plan.totalInstances ?? Number.POSITIVE_INFINITY;
  const isSet = plan.newSet !== null;
  const isToGo = (one: ListedInstance): boolean =>
    one.version !== plan.to.version || (isDown(one) && (moved?.has(one.id) ?? false));
  const others = page.instances.filter(isToGo);
  const candidates = (isSet ? page.instances : others).filter(({ id }) => moved?.has(id) ?? true);
  const taken = candidates.slice(0, Math.max(0, wanted - total)).map(({ id, version }, at) => ({
    index: total + at,
    instanceId: isSet ? '' : id,
    fromVersion: isSet ? null : (version ?? plan.from.version),
  }));
  const report = {
    type: 'INSTANCES_LISTED',
    listed: page.instances.length,
    taken: taken.length,
    alreadyThere: isSet ? 0 : page.instances.length - others.length,
    cursor: page.cursor,
    nextCursor: page.nextCursor,
  } as const;
  return { report, taken };
}

function isDown({ admitted = true, healthy = true }: ListedInstance): boolean {
  return !(admitted && healthy);
}
