/**
 * The consumer on the other side, a process of its own: waits for the expected number of instance
 * events, says when the last came, and checks them all. A number without this check counts nothing.
 */
import { Kafka, logLevel } from 'kafkajs';

interface Expected {
  readonly kafkaBrokers: string;
  readonly topic: string;
  /** Instance events to wait for, over all executions. */
  readonly instanceEvents: number;
  /** Status of the execution that must come last; empty: none is waited for. */
  readonly lastStatus: string;
}

interface Data {
  readonly executionId: string;
  readonly sequence: number;
  readonly executionStatus: string;
  readonly instanceId?: string;
  readonly instanceStatus?: string;
}

const expected = JSON.parse(process.argv[2] ?? '{}') as Expected;
const kafka = new Kafka({ brokers: expected.kafkaBrokers.split(','), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({
  groupId: `bench-${expected.topic}-${String(process.pid)}`,
  maxWaitTimeInMs: 20,
});

const ORDER = ['DRAINING', 'UPGRADING', 'HEALTH_CHECKING', 'COMPLETED'];
const lastSequence = new Map<string, number>();
const stages = new Map<string, number>();
const problems: string[] = [];
let instanceEvents = 0;
let ended = expected.lastStatus === '';
let firstAtMs = 0;

function look(data: Data): void {
  const before = lastSequence.get(data.executionId) ?? 0;
  if (data.sequence !== before + 1 && problems.length < 10) {
    problems.push(`sequence ${String(data.sequence)} came after ${String(before)}`);
  }
  lastSequence.set(data.executionId, data.sequence);
  if (data.instanceId === undefined || data.instanceStatus === undefined) {
    ended ||= data.executionStatus === expected.lastStatus;
    return;
  }
  instanceEvents += 1;
  const key = `${data.executionId} ${data.instanceId}`;
  const stage = stages.get(key) ?? 0;
  if (ORDER[stage] !== data.instanceStatus && problems.length < 10) {
    problems.push(`${data.instanceId} came to ${data.instanceStatus} at stage ${String(stage)}`);
  }
  stages.set(key, stage + 1);
}

await consumer.connect();
await consumer.subscribe({ topic: expected.topic, fromBeginning: true });
const admin = kafka.admin();
await admin.connect();
const bounds = await admin.fetchTopicOffsets(expected.topic);
await admin.disconnect();
await consumer.run({
  eachBatch: ({ batch }) => {
    firstAtMs ||= Date.now();
    for (const { value } of batch.messages) {
      look((JSON.parse(value?.toString() ?? '{}') as { data: Data }).data);
    }
    if (instanceEvents >= expected.instanceEvents && ended) {
      const incomplete = [...stages.values()].filter((stage) => stage !== ORDER.length).length;
      if (instanceEvents !== expected.instanceEvents) {
        problems.push(
          `${String(instanceEvents)} instance events instead of ${String(expected.instanceEvents)}`,
        );
      }
      if (incomplete > 0) problems.push(`${String(incomplete)} instances are not COMPLETED`);
      process.send?.({ firstAtMs, lastAtMs: Date.now(), problems });
    }
    return Promise.resolve();
  },
});
// What lay there before is not ours to count: begin behind it.
for (const { partition, high } of bounds) {
  consumer.seek({ topic: expected.topic, partition, offset: high });
}
consumer.on('consumer.fetch_start', () => process.send?.({ ready: true }));
process.on('message', () => {
  void consumer.disconnect().then(() => process.exit(0));
});
