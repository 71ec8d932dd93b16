/** What the arms of the benchmark share: the job, the shape of an event, and how they are asked. */

/** One upgrade of `instances`, in batches; each instance makes four transitions. */
export interface Job {
  readonly databaseUrl: string;
  readonly kafkaBrokers: string;
  readonly topic: string;
  readonly instances: number;
  readonly batchSize: number;
}

/** What an arm says of its work: from its first statement to its last acknowledged message. */
export interface ArmResult {
  readonly startedAtMs: number;
}

export const STAGES = ['DRAINING', 'UPGRADING', 'HEALTH_CHECKING', 'COMPLETED'] as const;

/** An event as long as ours, made as cheaply as a hand-written loop could. */
export function eventOf(execution: string, sequence: number, instance: number, stage: string) {
  return (
    `{"specversion":"1.0","id":"${execution}/${String(sequence)}","source":"/bench",` +
    `"type":"bench.instance.status-changed.v1","subject":"${execution}",` +
    `"time":"2026-01-01T00:00:00.000Z","datacontenttype":"application/json","data":{` +
    `"executionId":"${execution}","tenantId":"bench","componentId":"${execution}",` +
    `"sequence":${String(sequence)},"revision":1,"progress":{"total":10000,"completed":0,` +
    `"failed":0,"rolledBack":0,"percentage":0},"executionStatus":"IN_PROGRESS","why":"batch",` +
    `"instanceId":"instance-${String(instance)}","instanceStatus":"${stage}",` +
    `"previousInstanceStatus":"PENDING","attempt":1,"version":"1.1.0","failure":null,` +
    `"closedConnections":0}}`
  );
}
