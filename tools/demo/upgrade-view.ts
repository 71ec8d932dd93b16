/**
 * What is known of an upgrade from its progress events alone: a pure fold, so that what the
 * terminal shows can be tested without one.
 */
import type { ProgressEvent } from '#contracts/progress.messages.js';

export interface InstanceView {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  /** The version it is on its way to, or was taken back to. */
  readonly version: string;
  readonly why: string;
}

export interface UpgradeView {
  readonly executionId: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly status: string;
  readonly percentage: number;
  /** How many instances it takes; 0 until they are listed. */
  readonly total: number;
  /** By id, in the order of the ids; those of a new set come to it as the events name them. */
  readonly instances: ReadonlyMap<string, InstanceView>;
  /** Ids in the order in which they were taken back. */
  readonly takenBack: readonly string[];
  /** What was noted of it: kinds, in their order. */
  readonly notes: readonly string[];
  readonly lastSequence: number;
  /** A sentence for each place where the sequence did not go on by one. */
  readonly gaps: readonly string[];
  /** Events that came a second time: allowed, and without any effect. */
  readonly repeated: number;
}

/** @param instanceIds those it will take, where they are known before; a new set has others */
export function newView(
  executionId: string,
  versions: { readonly from: string; readonly to: string },
  instanceIds: readonly string[],
): UpgradeView {
  const instances = [...instanceIds].sort().map((id): [string, InstanceView] => {
    return [id, { id, status: 'PENDING', attempt: 1, version: versions.from, why: '' }];
  });
  return {
    executionId,
    fromVersion: versions.from,
    toVersion: versions.to,
    status: 'PENDING',
    percentage: 0,
    total: instanceIds.length,
    instances: new Map(instances),
    takenBack: [],
    notes: [],
    lastSequence: 0,
    gaps: [],
    repeated: 0,
  };
}

/** The view once an event of this execution has been seen. */
export function seen(view: UpgradeView, { type, data }: ProgressEvent): UpgradeView {
  if (data.sequence <= view.lastSequence) return { ...view, repeated: view.repeated + 1 };
  const expected = view.lastSequence + 1;
  const gaps =
    data.sequence === expected
      ? view.gaps
      : [...view.gaps, `expected ${String(expected)}, got ${String(data.sequence)}`];
  const next = {
    ...view,
    status: data.executionStatus,
    percentage: data.progress.percentage,
    total: data.progress.total === 0 ? view.total : data.progress.total,
    lastSequence: data.sequence,
    gaps,
  };
  if (type === 'upgrade-orchestrator.execution.noted.v1') {
    return { ...next, notes: [...view.notes, data.note] };
  }
  if (type !== 'upgrade-orchestrator.instance.status-changed.v1') return next;
  const instances = new Map(view.instances);
  const isBack = data.instanceStatus === 'ROLLED_BACK';
  const takenBack = isBack ? [...view.takenBack, data.instanceId] : view.takenBack;
  instances.set(data.instanceId, {
    id: data.instanceId,
    status: data.instanceStatus,
    attempt: data.attempt,
    version: data.version,
    why: data.why,
  });
  return { ...next, takenBack, instances: byId(instances) };
}

/** A new set's instances are named in whatever order they move. */
function byId(instances: ReadonlyMap<string, InstanceView>): Map<string, InstanceView> {
  return new Map([...instances].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const ENDED: ReadonlySet<string> = new Set(['COMPLETED', 'ROLLED_BACK', 'FAILED', 'CANCELLED']);

export function hasEnded({ status }: UpgradeView): boolean {
  return ENDED.has(status);
}

export function countOf(view: UpgradeView, ...statuses: readonly string[]): number {
  return [...view.instances.values()].filter(({ status }) => statuses.includes(status)).length;
}

/** A reason may name five instances and what is wrong with each. */
const SENTENCE_MAX_CHARS = 180;

/** One event as a line for people: who, from what to what, and why. */
export function sentenceOf(event: ProgressEvent): string {
  const whole = shortened(wholeSentenceOf(event));
  return whole.length <= SENTENCE_MAX_CHARS ? whole : `${whole.slice(0, SENTENCE_MAX_CHARS - 1)}…`;
}

function wholeSentenceOf({ type, data }: ProgressEvent): string {
  if (type === 'upgrade-orchestrator.instance.status-changed.v1') {
    const again = data.attempt > 1 ? ` (attempt ${String(data.attempt)})` : '';
    const way = `${data.previousInstanceStatus} → ${data.instanceStatus}${again}`;
    return `${data.instanceId}  ${way}: ${data.why}`;
  }
  if (type === 'upgrade-orchestrator.execution.status-changed.v1') {
    const by = data.by === null ? '' : ` by ${data.by}`;
    return `upgrade ${data.previousStatus ?? 'new'} → ${data.executionStatus}${by}: ${data.why}`;
  }
  return `upgrade ${data.note.toLowerCase().replaceAll('_', ' ')}: ${data.why}`;
}

const UUID = /\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;

/** A new set is called as its execution; the beginning of that tells people enough. */
export function shortened(text: string): string {
  return text.replace(UUID, '$1');
}
