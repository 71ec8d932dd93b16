/**
 * Facts into progress events (spec §7). REST pages, the live stream and the relay all use this, so
 * they cannot differ, and an event is the same however often it is made.
 */
import type { InstanceStatus } from '#core/execution/execution.js';
import type {
  ExecutionNoted,
  InstancesMoved,
  Progress,
  StatusChanged,
} from '#core/execution/execution-facts.js';
import { envelope, SOURCES } from './envelope.js';
import {
  EXECUTION_CHANGED_TYPE,
  EXECUTION_NOTED_TYPE,
  INSTANCE_CHANGED_TYPE,
  type ProgressEvent,
} from './progress.messages.js';

/** What all events of one execution carry. */
export interface ProgressHead {
  readonly executionId: string;
  readonly tenantId: string;
  readonly componentId: string;
  /** semver of the version the execution takes its instances to. */
  readonly targetVersion: string;
}

/** An instance that moved. What is left out stands in the fact, or is the target version. */
export interface MovedInstanceRef {
  readonly index: number;
  readonly id: string;
  /** Of a rolled back one: the version it is on again. */
  readonly fromVersion?: string | null;
  /** Of a rolled back one: the attempt it stood in; a rollback takes all attempts together. */
  readonly attempt?: number;
}

/** A fact whose instances are known by name, in the order in which they are counted up. */
export type ResolvedFact =
  | (InstancesMoved & { readonly instances: readonly MovedInstanceRef[] })
  | StatusChanged
  | ExecutionNoted;

/** One event for each instance that moved, or one for the execution; sequences follow each other. */
export function progressEventsOf(fact: ResolvedFact, head: ProgressHead): ProgressEvent[] {
  switch (fact.type) {
    case 'INSTANCES_MOVED':
      return instanceEvents(fact, head);
    case 'STATUS_CHANGED':
      return [
        envelope(envelopeHead(EXECUTION_CHANGED_TYPE, fact, fact.sequence, head), {
          ...common(fact, fact.sequence, fact.before, head),
          previousStatus: fact.from,
          by: fact.by,
        }),
      ];
    case 'NOTED':
      return [
        envelope(envelopeHead(EXECUTION_NOTED_TYPE, fact, fact.sequence, head), {
          ...common(fact, fact.sequence, fact.before, head),
          note: fact.note,
          waitingFor: fact.waitingKind,
          by: fact.by,
        }),
      ];
  }
}

function instanceEvents(
  fact: Extract<ResolvedFact, { type: 'INSTANCES_MOVED' }>,
  head: ProgressHead,
): ProgressEvent[] {
  assertAllResolved(fact);
  return fact.instances.map((instance, at) => {
    const sequence = fact.sequence + at;
    return envelope(envelopeHead(INSTANCE_CHANGED_TYPE, fact, sequence, head), {
      ...common(fact, sequence, progressAfter(fact, at + 1), head),
      instanceId: instance.id,
      instanceStatus: fact.to,
      previousInstanceStatus: fact.from,
      attempt: attemptOf(fact, instance),
      version: versionOf(fact, instance, head),
      failure: fact.failure,
      closedConnections: fact.closedConnections,
    });
  });
}

function envelopeHead<Type extends string>(
  type: Type,
  fact: ResolvedFact,
  sequence: number,
  { executionId }: ProgressHead,
) {
  return {
    id: eventId(executionId, sequence),
    source: SOURCES.orchestrator,
    type,
    subject: executionId,
    timeMs: fact.atMs,
  };
}

function common(fact: ResolvedFact, sequence: number, progress: Progress, head: ProgressHead) {
  return {
    executionId: head.executionId,
    tenantId: head.tenantId,
    componentId: head.componentId,
    sequence,
    revision: fact.revision,
    progress: { ...progress },
    executionStatus: fact.executionStatus,
    why: fact.why,
  };
}

export function eventId(executionId: string, sequence: number): string {
  return `${executionId}/${String(sequence)}`;
}

/** Progress once the first `moved` instances of the fact have moved. */
export function progressAfter(fact: InstancesMoved, moved: number): Progress {
  const { before } = fact;
  const by = (status: InstanceStatus): number =>
    (fact.to === status ? moved : 0) - (fact.from === status ? moved : 0);
  const completed = before.completed + by('COMPLETED');
  return {
    total: before.total,
    completed,
    failed: before.failed + by('FAILED'),
    rolledBack: before.rolledBack + by('ROLLED_BACK'),
    percentage: before.total === 0 ? 0 : Math.floor((100 * completed) / before.total),
  };
}

export function attemptOf(fact: InstancesMoved, instance: MovedInstanceRef): number {
  return fact.to === 'ROLLED_BACK' ? (instance.attempt ?? fact.attempt) : fact.attempt;
}

export function versionOf(
  fact: InstancesMoved,
  instance: MovedInstanceRef,
  head: ProgressHead,
): string {
  return fact.to === 'ROLLED_BACK'
    ? (instance.fromVersion ?? head.targetVersion)
    : head.targetVersion;
}

/** A missing instance would leave a gap in the sequence for ever: better no event than that. */
export function assertAllResolved(fact: Extract<ResolvedFact, { type: 'INSTANCES_MOVED' }>): void {
  if (fact.instances.length !== fact.count) {
    throw new Error(
      `a move of ${String(fact.count)} instances at sequence ${String(fact.sequence)} ` +
        `was given ${String(fact.instances.length)} of them`,
    );
  }
}
