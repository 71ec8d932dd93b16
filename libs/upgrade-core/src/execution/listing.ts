/** Which of the instances a target lists are taken, and as which index (spec §2, §4). */
import type { ExecutionPlan, Validating } from './execution.js';
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
 * A REVERT takes of what the other execution has moved what is still on the version that took it
 * to, or does not say its version. What is on another one by now has been moved by somebody else,
 * who decides where it goes. One that is down it takes wherever it is: nobody else would ever
 * readmit it, and it would fill the room that the others need.
 *
 * @param moved of a REVERT: what the other execution has moved and not brought back; null: no REVERT
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
    moved === null ? one.version !== plan.to.version : moved.has(one.id) && isToGoBack(one, plan);
  const isThere = (one: ListedInstance): boolean => one.version === plan.to.version && !isToGo(one);
  const candidates = isSet ? page.instances : page.instances.filter(isToGo);
  const taken = candidates.slice(0, Math.max(0, wanted - total)).map(({ id, version }, at) => ({
    index: total + at,
    instanceId: isSet ? '' : id,
    fromVersion: isSet ? null : (version ?? plan.from.version),
  }));
  const report = {
    type: 'INSTANCES_LISTED',
    listed: page.instances.length,
    taken: taken.length,
    alreadyThere: isSet ? 0 : page.instances.filter(isThere).length,
    cursor: page.cursor,
    nextCursor: page.nextCursor,
  } as const;
  return { report, taken };
}

/** Of what a REVERT is to take back. */
function isToGoBack(one: ListedInstance, { from }: ExecutionPlan): boolean {
  return one.version === null || one.version === from.version || isDown(one);
}

function isDown({ admitted = true, healthy = true }: ListedInstance): boolean {
  return !(admitted && healthy);
}
