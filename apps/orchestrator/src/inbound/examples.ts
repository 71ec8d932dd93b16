/** What answers look like: one story, of a payments API at acme, for the OpenAPI document. */
import { REQUEST_DEFAULTS } from '#core/limits.js';
import { BASE_PATH } from './root-path.js';

const COMPONENT_ID = '0b9f6f0e-6a43-4c0e-9d3f-3c0f5f6a7b10';
const FROM_ID = '6f1c8a1e-2b1d-4b7e-8a35-8f2d8f0c1a02';
const TO_ID = 'd1f6c7aa-91a5-4c0a-b1de-0f3a4ad4e903';
const UPGRADE_ID = '3d9b0f7c-7a1e-4f0e-8c7e-2f6a0a5b9c11';
const TIMES = { createdAt: '2026-03-01T09:00:00.000Z', updatedAt: '2026-03-01T09:00:00.000Z' };
const LINK = `${BASE_PATH}/upgrades/${UPGRADE_ID}`;

export const COMPONENT_EXAMPLE = {
  id: COMPONENT_ID,
  ...TIMES,
  name: 'payments-api',
  displayName: 'Payments API',
  kind: 'API',
  stateless: true,
  description: null,
};

export const VERSION_EXAMPLE = {
  id: TO_ID,
  ...TIMES,
  componentId: COMPONENT_ID,
  version: '1.5.0',
  status: 'RELEASED',
  releaseDate: '2026-03-01',
  artifacts: { image: 'payments:1.5.0' },
  minPlatformVersion: '2.1.0',
  maxPlatformVersion: null,
  requires: { ledger: '>=3.5 <5' },
  smokeTests: [
    {
      method: 'GET',
      path: '/api/v1/orders?limit=1',
      expectedStatus: 200,
      body: null,
      timeoutSeconds: 10,
    },
  ],
  canaryMetrics: [
    {
      name: 'p99-latency-ms',
      source: 'TARGET',
      query: 'p99_latency_ms',
      bound: 300,
      direction: 'BELOW',
      initialDelaySeconds: 0,
    },
  ],
  drainTimeoutSeconds: 30,
  lts: true,
  recommended: false,
};

export const UPGRADE_PATH_REQUEST_EXAMPLE = {
  componentId: COMPONENT_ID,
  fromVersionId: FROM_ID,
  toVersionId: TO_ID,
  estimatedDurationMinutes: 30,
  tested: true,
  stepsBefore: 'Tell the payments team',
};

export const UPGRADE_PATH_EXAMPLE = {
  id: '5a0c7d3e-93b1-4f43-8f0e-6f8c5a1d2b44',
  ...TIMES,
  ...UPGRADE_PATH_REQUEST_EXAMPLE,
  requiresDowntime: false,
  stepsDuring: null,
  stepsAfter: null,
  stepsBack: null,
};

export const VALIDATION_EXAMPLE = {
  valid: true,
  upgradeType: 'MINOR',
  riskLevel: 'LOW',
  requiresDowntime: false,
  steps: [
    {
      fromVersionId: FROM_ID,
      toVersionId: TO_ID,
      fromVersion: '1.4.2',
      toVersion: '1.5.0',
      registered: true,
      requiresDowntime: false,
      tested: true,
      estimatedDurationMinutes: 30,
    },
  ],
  blockers: [],
  warnings: [],
};

export const DEPLOYMENT_EXAMPLE = {
  id: '8b1f0c55-2f56-4b8e-9a51-7b0a4f3c6d77',
  ...TIMES,
  tenantId: 'acme',
  componentId: COMPONENT_ID,
  target: { driver: 'simulated', settings: { instances: 20 } },
  currentVersionId: FROM_ID,
  observedVersions: { '1.4.2': 20 },
  platformVersion: '2.3.0',
  standbySet: null,
};

const BATCH_EXAMPLE = {
  ...{ phase: 'REST', alreadyDown: 0, room: 1, serving: 3, needsApproval: false },
  size: 1,
};

export const PREVIEW_EXAMPLE = {
  judgement: VALIDATION_EXAMPLE,
  plan: {
    listed: 4,
    total: 2,
    alreadyThere: 2,
    allowedDown: 1,
    batches: [
      { ...BATCH_EXAMPLE, number: 1, instances: ['payments-2'], startsAfterSeconds: 0 },
      { ...BATCH_EXAMPLE, number: 2, instances: ['payments-3'], startsAfterSeconds: 72.4 },
    ],
    batchesInAll: 2,
    standsStill: false,
    lowestServing: 3,
    lowestServingPercentage: 75,
    approvals: 0,
    needsPromotion: false,
    waitingSeconds: 60,
    expectedDurationSeconds: 84.8,
    expectedFrom: { executions: 6, batchSeconds: 12.4 },
  },
  checks: [
    {
      phase: 'PRE',
      check: 'HEALTH_ENDPOINTS',
      outcome: 'PASSED',
      summary: 'all 4 instances answer',
      evidence: { listed: 4, expected: null, unhealthy: 0, notAdmitted: 0, firstUnhealthy: [] },
      durationMs: 12,
    },
  ],
};

const { strategy: _, ...defaults } = REQUEST_DEFAULTS;

export const UPGRADE_EXAMPLE = {
  ...defaults,
  id: UPGRADE_ID,
  tenantId: 'acme',
  kind: 'UPGRADE',
  revertOf: null,
  status: 'CANARY_MONITORING',
  componentId: COMPONENT_ID,
  fromVersionId: FROM_ID,
  toVersionId: TO_ID,
  strategy: 'CANARY',
  totalInstances: null,
  autoRollbackEnabled: true,
  initiatedBy: 'ops@example.org',
  installedComponents: { kafka: '3.6.0' },
  skipChecks: [],
  stopping: null,
  waitingFor: {
    kind: 'PROMOTION',
    who: 'operator',
    since: '2026-03-01T09:31:00.000Z',
  },
  pausedFrom: null,
  pauseReason: null,
  pausedAt: null,
  progress: { total: 20, completed: 2, failed: 0, rolledBack: 0, percentage: 10 },
  rollbackInfo: {
    autoRollbackEnabled: true,
    failureThreshold: 3,
    currentFailures: 0,
    rollbackReason: null,
    rollbackInitiatedAt: null,
    rollbackInitiatedBy: null,
    rolledBackInstances: [],
    rolledBackInstancesCount: 0,
    rolledBackInstancesLink: `${LINK}/instances?status=ROLLED_BACK`,
    leftOver: [],
    leftOverCount: 0,
    leftOverLink: `${LINK}/instances?status=DRAINING,UPGRADING,HEALTH_CHECKING,COMPLETED,FAILED`,
  },
  validationResults: [
    {
      phase: 'PRE',
      check: 'HEALTH_ENDPOINTS',
      outcome: 'PASSED',
      summary: 'all 20 instances answer',
      evidence: { instances: 20 },
      durationMs: 412,
    },
  ],
  canary: {
    verdict: 'HEALTHY',
    reason: 'the last 3 samples passed',
    beganAt: '2026-03-01T09:31:00.000Z',
    endsAt: '2026-03-01T09:41:00.000Z',
    durationOver: false,
    lastHeardAt: '2026-03-01T09:32:30.000Z',
    totals: { PASS: 3, FAIL: 0, NO_DATA: 0, ERROR: 0 },
    samples: [
      {
        number: 3,
        at: '2026-03-01T09:32:30.000Z',
        outcome: 'PASS',
        findings: [
          { of: 'health', outcome: 'PASS', value: null, summary: '2 of 2 are healthy' },
          { of: 'p99-latency-ms', outcome: 'PASS', value: 212, summary: '212 is below 300' },
        ],
      },
    ],
  },
  newSet: null,
  failureReason: null,
  warnings: [],
  createdAt: '2026-03-01T09:29:00.000Z',
  startedAt: '2026-03-01T09:30:00.000Z',
  completedAt: null,
  revision: 7,
  allowedActions: ['PROMOTE_CANARY', 'ROLLBACK', 'CANCEL'],
};

export const INSTANCE_EXAMPLE = {
  index: 0,
  instanceId: 'payments-0',
  status: 'COMPLETED',
  attempt: 1,
  fromVersion: '1.4.2',
  failure: null,
  movedAt: '2026-03-01T09:30:58.000Z',
};

export const EVENT_EXAMPLE = {
  specversion: '1.0',
  id: `${UPGRADE_ID}/9`,
  source: '/upgrade-orchestrator/orchestrator',
  type: 'upgrade-orchestrator.instance.status-changed.v1',
  subject: UPGRADE_ID,
  time: '2026-03-01T09:30:58.000Z',
  datacontenttype: 'application/json',
  data: {
    executionId: UPGRADE_ID,
    tenantId: 'acme',
    componentId: COMPONENT_ID,
    sequence: 9,
    revision: 6,
    progress: { total: 20, completed: 1, failed: 0, rolledBack: 0, percentage: 5 },
    executionStatus: 'CANARY_RUNNING',
    why: 'healthy on 1.5.0 and admitted to traffic',
    instanceId: 'payments-0',
    instanceStatus: 'COMPLETED',
    previousInstanceStatus: 'HEALTH_CHECKING',
    attempt: 1,
    version: '1.5.0',
    failure: null,
    closedConnections: 0,
  },
};

/** As a live stream sends it. */
export const STREAM_EXAMPLE =
  `: open\n\nid: 9\nevent: ${EVENT_EXAMPLE.type}\n` + `data: ${JSON.stringify(EVENT_EXAMPLE)}\n\n`;

const TALLY_EXAMPLE = {
  finishedExecutions: 10,
  successfulExecutions: 8,
  failedExecutions: 1,
  rolledBackExecutions: 1,
  cancelledExecutions: 1,
  successRate: 88.88888888888889,
  averageDurationSeconds: 415.2,
  durationSeconds: { p50: 390.1, p90: 612.4, p95: 640.8, p99: 640.8 },
};

export const STATISTICS_EXAMPLE = {
  componentId: COMPONENT_ID,
  totalExecutions: 11,
  ...TALLY_EXAMPLE,
  activeExecutions: 1,
  tenantId: null,
  since: null,
  isComplete: true,
  byStrategy: [{ strategy: 'CANARY', ...TALLY_EXAMPLE }],
  byKind: [{ kind: 'UPGRADE', ...TALLY_EXAMPLE }],
  byVersion: [{ toVersion: '1.5.0', ...TALLY_EXAMPLE }],
  failuresByCause: [{ cause: 'CANARY_UNHEALTHY', count: 1 }],
};
