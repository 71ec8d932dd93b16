/**
 * The relay's way from facts to events: finished JSON, the same to the byte as `JSON.stringify` of
 * what `progressEventsOf` answers, but what all events of a fact have in common is written once.
 */
import { envelope, SOURCES } from './envelope.js';
import {
  assertAllResolved,
  attemptOf,
  eventId,
  progressAfter,
  progressEventsOf,
  versionOf,
  type ProgressHead,
  type ResolvedFact,
} from './progress-events.js';
import { INSTANCE_CHANGED_TYPE } from './progress.messages.js';

/** One JSON text for each event of the fact, in order. */
export function progressEventTexts(fact: ResolvedFact, head: ProgressHead): string[] {
  if (fact.type !== 'INSTANCES_MOVED') {
    return progressEventsOf(fact, head).map((event) => JSON.stringify(event));
  }
  assertAllResolved(fact);
  const parts = partsOf(fact, head);
  const { executionId } = head;
  return fact.instances.map((instance, at) => {
    const sequence = fact.sequence + at;
    const { completed, failed, rolledBack, percentage } = progressAfter(fact, at + 1);
    // Built in the order in which `progressEventsOf` names the fields; a property test compares.
    return (
      `{"specversion":"1.0","id":${quoted(eventId(executionId, sequence))}${parts.afterId}` +
      `${String(sequence)}${parts.afterSequence}${String(completed)},"failed":${String(failed)}` +
      `,"rolledBack":${String(rolledBack)},"percentage":${String(percentage)}${parts.afterProgress}` +
      `${quoted(instance.id)}${parts.afterInstanceId}${String(attemptOf(fact, instance))}` +
      `,"version":${quoted(versionOf(fact, instance, head))}${parts.afterVersion}`
    );
  });
}

const quoted = (text: string): string => JSON.stringify(text);

/** What stands between the values that differ from event to event. */
function partsOf(fact: Extract<ResolvedFact, { type: 'INSTANCES_MOVED' }>, head: ProgressHead) {
  const { executionId, tenantId, componentId } = head;
  const around = envelope(
    {
      id: '',
      source: SOURCES.orchestrator,
      type: INSTANCE_CHANGED_TYPE,
      subject: executionId,
      timeMs: fact.atMs,
    },
    {},
  );
  return {
    afterId:
      `,"source":${quoted(around.source)},"type":${quoted(around.type)}` +
      `,"subject":${quoted(around.subject)},"time":${quoted(around.time)}` +
      `,"datacontenttype":${quoted(around.datacontenttype)},"data":{` +
      `"executionId":${quoted(executionId)},"tenantId":${quoted(tenantId)}` +
      `,"componentId":${quoted(componentId)},"sequence":`,
    afterSequence:
      `,"revision":${String(fact.revision)},"progress":{"total":${String(fact.before.total)}` +
      `,"completed":`,
    afterProgress:
      `},"executionStatus":${quoted(fact.executionStatus)},"why":${quoted(fact.why)}` +
      `,"instanceId":`,
    afterInstanceId:
      `,"instanceStatus":${quoted(fact.to)},"previousInstanceStatus":${quoted(fact.from)}` +
      `,"attempt":`,
    afterVersion:
      `,"failure":${JSON.stringify(fact.failure)}` +
      `,"closedConnections":${String(fact.closedConnections)}}}`,
  };
}
