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
  /** By id, in the order of the ids; those the events have not named yet are not in it. */
  readonly instances: ReadonlyMap<string, InstanceView>;
  readonly lastSequence: number;
  /** A sentence for each place where the sequence did not go on by one. */
  readonly gaps: readonly string[];
  /** Events that came a second time: allowed, and without any effect. */
  readonly repeated: number;
}

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
    instances: new Map(instances),
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
    lastSequence: data.sequence,
    gaps,
  };
  if (type !== 'upgrade-orchestrator.instance.status-changed.v1') return next;
  const instances = new Map(view.instances);
  instances.set(data.instanceId, {
    id: data.instanceId,
    status: data.instanceStatus,
    attempt: data.attempt,
    version: data.version,
    why: data.why,
  });
  return { ...next, instances };
}

const ENDED: ReadonlySet<string> = new Set(['COMPLETED', 'ROLLED_BACK', 'FAILED', 'CANCELLED']);

export function hasEnded({ status }: UpgradeView): boolean {
  return ENDED.has(status);
}

/** One event as a line for people: who, from what to what, and why. */
export function sentenceOf({ type, data }: ProgressEvent): string {
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
