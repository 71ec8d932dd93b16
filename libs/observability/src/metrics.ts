/**
 * Every metric of the product, in one place: the registry, the dashboards and the documentation are
 * made from this list. Values of labels are few and known beforehand; ids, tenants, addresses and
 * texts are never labels, so that no metric grows with use and none speaks of a tenant.
 */

/** The values of a label: a closed list, or at most so many different ones; others are `other`. */
export type LabelValues = readonly string[] | { readonly most: number };

export interface MetricSpec {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** What one unit of the value is. */
  readonly unit: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Upper bounds of a histogram's buckets, in the unit. */
  readonly buckets?: readonly number[];
}

const SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;
const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000] as const;

const INSTANCE_STATUSES = [
  'PENDING',
  'DRAINING',
  'UPGRADING',
  'HEALTH_CHECKING',
  'COMPLETED',
  'FAILED',
  'ROLLED_BACK',
] as const;

const TOPIC: LabelValues = { most: 30 };

function counter<const Labels extends Record<string, LabelValues>>(
  name: string,
  unit: string,
  help: string,
  labels: Labels,
) {
  return { type: 'counter', name, unit, help, labels } as const;
}

function gauge<const Labels extends Record<string, LabelValues>>(
  name: string,
  unit: string,
  help: string,
  labels: Labels,
) {
  return { type: 'gauge', name, unit, help, labels } as const;
}

function seconds<const Labels extends Record<string, LabelValues>>(
  name: string,
  help: string,
  labels: Labels,
) {
  return { type: 'histogram', name, unit: 'seconds', help, labels, buckets: SECONDS } as const;
}

function sizes<const Labels extends Record<string, LabelValues>>(
  name: string,
  unit: string,
  help: string,
  labels: Labels,
) {
  return { type: 'histogram', name, unit, help, labels, buckets: COUNTS } as const;
}

const executionMetrics = {
  executionTransitions: counter(
    'upgrade_execution_transitions_total',
    'transitions',
    'Rows of the transition table that were taken',
    { row: { most: 200 } },
  ),
  instanceTransitions: counter(
    'upgrade_instance_transitions_total',
    'instances',
    'Instances that moved, by the status they moved to',
    { status: INSTANCE_STATUSES },
  ),
  inputs: counter('upgrade_inputs_total', 'inputs', 'Actions and reports, by what became of them', {
    input: { most: 60 },
    outcome: ['decided', 'absorbed', 'refused', 'misplaced'],
  }),
  executionsActive: gauge(
    'upgrade_executions_active',
    'executions',
    'Executions of the shards owned here that have not ended',
    {},
  ),
  executionsWaiting: gauge(
    'upgrade_executions_waiting',
    'executions',
    'Executions of the shards owned here that wait, by what for',
    { kind: { most: 10 } },
  ),
  instancesUnderWay: gauge(
    'upgrade_instances_under_way',
    'instances',
    'Instances being drained, upgraded or checked from here',
    {},
  ),
} as const;

const storeMetrics = {
  commits: seconds('upgrade_commit_seconds', 'Shared commits, from first statement to answer', {}),
  commitSize: sizes('upgrade_commit_executions', 'executions', 'Executions in one commit', {}),
  commitRetries: counter('upgrade_commit_retries_total', 'commits', 'Commits tried again', {
    reason: ['serialization', 'deadlock', 'connection', 'other'],
  }),
  staleWrites: counter(
    'upgrade_stale_writes_refused_total',
    'writes',
    'Writes refused because the shard belongs to somebody else by now',
    {},
  ),
  shardsOwned: gauge('upgrade_shards_owned', 'shards', 'Shards this process owns', {}),
  shardTakeovers: counter('upgrade_shard_takeovers_total', 'shards', 'Shards taken over', {}),
  dueWorkLag: seconds('upgrade_due_work_lag_seconds', 'How late due work began', {
    kind: { most: 30 },
  }),
  outboxRows: gauge('upgrade_outbox_rows', 'rows', 'Rows waiting to be relayed', {}),
  outboxAge: gauge('upgrade_outbox_age_seconds', 'seconds', 'Age of the oldest of them', {}),
} as const;

const messagingMetrics = {
  produces: seconds('upgrade_produce_seconds', 'Produce requests, from begin to acknowledged', {}),
  produceSize: sizes('upgrade_produce_messages', 'messages', 'Messages in one of them', {}),
  producedMessages: counter(
    'upgrade_produced_messages_total',
    'messages',
    'Messages acknowledged by all replicas',
    {},
  ),
  producedBytes: counter('upgrade_produced_bytes_total', 'bytes', 'Bytes of those messages', {}),
  produceRetries: counter(
    'upgrade_produce_retries_total',
    'requests',
    'Produce requests sent again after an error',
    {},
  ),
  handled: seconds('upgrade_handle_seconds', 'Calls of message handlers that succeeded', {
    topic: TOPIC,
  }),
  handledMessages: counter(
    'upgrade_handled_messages_total',
    'messages',
    'Messages whose effects are committed',
    { topic: TOPIC },
  ),
  handleRetries: counter(
    'upgrade_handle_retries_total',
    'calls',
    'Calls of message handlers that failed for a passing reason',
    { topic: TOPIC },
  ),
  deadLetters: counter(
    'upgrade_dead_letters_total',
    'messages',
    'Messages that became dead letters',
    { topic: TOPIC },
  ),
  relays: seconds('upgrade_relay_seconds', 'Batches of the outbox, from begin to acknowledged', {}),
  relayedRows: counter('upgrade_relayed_rows_total', 'rows', 'Outbox rows sent', {}),
} as const;

const worldMetrics = {
  requests: seconds('upgrade_http_request_seconds', 'Requests answered', {
    method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    route: { most: 100 },
    status: ['2xx', '3xx', '4xx', '5xx'],
  }),
  liveStreams: gauge('upgrade_live_streams', 'streams', 'Event streams that are open', {}),
  targetCalls: seconds('upgrade_target_call_seconds', 'Calls of target drivers', {
    driver: { most: 10 },
    verb: { most: 30 },
    outcome: ['ok', 'refused', 'failed', 'timeout'],
  }),
  checks: seconds('upgrade_check_seconds', 'Validation checks', {
    check: { most: 20 },
    result: ['PASSED', 'FAILED', 'WARNING', 'SKIPPED'],
  }),
  canarySamples: counter('upgrade_canary_samples_total', 'samples', 'Samples taken of canaries', {
    outcome: ['PASS', 'FAIL', 'NO_DATA', 'ERROR'],
  }),
  canaryVerdicts: counter(
    'upgrade_canary_verdicts_total',
    'verdicts',
    'Verdicts that differed from the one before',
    { verdict: ['HEALTHY', 'UNHEALTHY', 'INCONCLUSIVE'] },
  ),
  canaryWatches: gauge('upgrade_canary_watches', 'watches', 'Watches of the shards owned here', {}),
  canaryJitter: seconds('upgrade_canary_jitter_seconds', 'How late after its grid a tick came', {}),
  rollbacksActive: gauge('upgrade_rollbacks_active', 'rollbacks', 'Rollbacks under way here', {}),
  rollbackInstances: counter(
    'upgrade_rollback_instances_total',
    'instances',
    'Instances a rollback is done with',
    { outcome: ['restored', 'left over'] },
  ),
} as const;

/** The catalogue. */
export const METRICS = {
  ...executionMetrics,
  ...storeMetrics,
  ...messagingMetrics,
  ...worldMetrics,
} as const satisfies Readonly<Record<string, MetricSpec>>;

type Catalogue = typeof METRICS;

/** The names of all metrics of one type, as keys of METRICS. */
export type MetricKey<Type extends MetricSpec['type']> = {
  [Key in keyof Catalogue]: Catalogue[Key]['type'] extends Type ? Key : never;
}[keyof Catalogue];

/** The labels a metric takes; a value outside a closed list does not compile. */
export type LabelsOf<Key extends keyof Catalogue> = {
  readonly [
    Label in keyof Catalogue[Key]['labels']
  ]: Catalogue[Key]['labels'][Label] extends readonly (infer Value)[] ? Value : string;
};
