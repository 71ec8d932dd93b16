/** The upgrades that scenarios and simulation run: what was asked for, and the fleet it is about. */
import { REQUEST_DEFAULTS } from '#core/limits.js';
import type { ExecutionPlan, StrategyName } from '#core/execution/execution.js';
import type { CanaryMetric, SmokeTest } from '#contracts/work.messages.js';
import type { SimulatedFault } from '#targets/simulated-faults.js';
import { SeededRandom } from '#testing/seeded-random.js';
import type { CreateExecution } from '../../apps/orchestrator/src/create-execution.js';
import type { UpgradeRequest } from '../../apps/orchestrator/src/create-upgrade.js';
import type { StoredExecution } from '../../apps/orchestrator/src/persistence/execution.store.js';
import { COMPONENT, FROM, TO } from './registered.js';
import { constantOf } from './simulated-metrics.js';
import { smokeTestOf } from './simulated-smoke-tests.js';

export interface Upgrade {
  readonly fleet: string;
  readonly instances: number;
  readonly create: CreateExecution;
}

export interface UpgradeAsked {
  readonly id?: string;
  readonly instances?: number;
  readonly latencyMs?: number;
  readonly plan?: Partial<ExecutionPlan>;
  readonly faults?: readonly SimulatedFault[];
  readonly tenantId?: string;
  /** What the fleet really runs, if not what the upgrade leads from. */
  readonly runs?: string;
  readonly skipChecks?: CreateExecution['skipChecks'];
  readonly canaryMetrics?: readonly CanaryMetric[];
  /** Of the version the upgrade leads to. */
  readonly smokeTests?: readonly SmokeTest[];
  /** Metrics the fleet itself knows, by name: a number, or one for each version. */
  readonly metrics?: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
}

const FIRST_ID = '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b';

export function anUpgrade(asked: UpgradeAsked = {}): Upgrade {
  const { instances = 4, latencyMs = 200, faults = [], tenantId = 'acme', id = FIRST_ID } = asked;
  const { metrics = {} } = asked;
  const fleet = `${tenantId}/${COMPONENT}`;
  const isBlueGreen = asked.plan?.strategy === 'BLUE_GREEN';
  const plan: ExecutionPlan = {
    ...REQUEST_DEFAULTS,
    ...{ from: FROM, to: TO, totalInstances: null, initiatedBy: 'ann', drainTimeoutSeconds: 5 },
    ...{ newSet: isBlueGreen ? `u-${id}` : null, staleSet: null },
    ...{ batchDelaySeconds: 0, healthCheckIntervalSeconds: 1, healthCheckTimeoutSeconds: 10 },
    ...asked.plan,
  };
  const { runs = FROM.version } = asked;
  const settings = { fleet, version: runs, instances, latencyMs, faults: [...faults], metrics };
  return { fleet, instances, create: creationOf({ ...asked, id, tenantId }, plan, settings) };
}

function creationOf(
  asked: UpgradeAsked & { readonly id: string; readonly tenantId: string },
  plan: ExecutionPlan,
  settings: Record<string, unknown>,
): CreateExecution {
  const { id, tenantId, skipChecks = [], canaryMetrics = [], smokeTests = [] } = asked;
  const { strategy, allowDowntime, batchSize, maxUnavailablePercentage } = plan;
  return {
    ...{ id, tenantId, componentId: COMPONENT, kind: 'UPGRADE', plan, by: 'ann', skipChecks },
    ...{ revertOf: null, installedComponents: {}, requires: {} },
    ...{ canaryMetrics: [...canaryMetrics], smokeTests: [...smokeTests] },
    snapshot: {
      ...{ tenantId, componentId: COMPONENT, componentName: 'orders', stateless: true },
      target: { driver: 'simulated', settings },
      ...{ from: FROM, to: TO, strategy, allowDowntime, batchSize, maxUnavailablePercentage },
      drainTimeoutMs: plan.drainTimeoutSeconds * 1_000,
      healthCheckIntervalMs: plan.healthCheckIntervalSeconds * 1_000,
      healthCheckTimeoutMs: plan.healthCheckTimeoutSeconds * 1_000,
    },
    compatibility: {
      ...{ valid: true, upgradeType: 'MINOR', riskLevel: 'LOW', requiresDowntime: false },
      ...{ blockers: [], warnings: [] },
    },
    request: { ...requestOf(plan, COMPONENT) },
  };
}

/** What a person would have asked for to get this plan. */
export function requestOf(plan: ExecutionPlan, componentId: string): UpgradeRequest {
  const { from, to, drainTimeoutSeconds: _, newSet: __, staleSet: ___, ...asked } = plan;
  const ids = { componentId, fromVersionId: from.id, toVersionId: to.id };
  return { ...asked, ...ids, installedComponents: {}, skipChecks: [] };
}

/** One that the orchestrator made by itself, of a fleet that is known: a revert, a next one. */
export function upgradeAsStored(stored: StoredExecution, { fleet, instances }: Upgrade): Upgrade {
  const { execution, ...brief } = stored;
  const { id, tenantId, componentId, kind, revertOf, plan } = execution;
  const create = { ...brief, id, tenantId, componentId, kind, revertOf, plan, by: 'ann' };
  return { fleet, instances, create };
}

/**
 * An upgrade with everything drawn: small, because trouble does not need many instances.
 *
 * @param over what is not left to chance
 */
export function drawUpgrade(random: SeededRandom, at: number, over: UpgradeAsked = {}): Upgrade {
  const drawn = drawAsked(random, at);
  return anUpgrade({ ...drawn, ...over, plan: { ...drawn.plan, ...over.plan } });
}

function drawAsked(random: SeededRandom, at: number): UpgradeAsked {
  const instances = random.between(1, 9);
  const strategy = random.pick(DRAWN_STRATEGIES);
  const id = drawId(random);
  return {
    id,
    tenantId: `tenant-${String(at)}`,
    instances,
    latencyMs: random.pick([0, 50, 500]),
    faults: random.chance(0.4) ? drawTargetFaults(random, instances, strategy) : [],
    ...drawMetrics(random, `tenant-${String(at)}/${COMPONENT}`),
    smokeTests: drawSmokeTests(new SeededRandom(Number.parseInt(id.slice(0, 8), 16))),
    plan: {
      strategy,
      batchSize: random.between(1, 4),
      batchDelaySeconds: random.pick([0, 0, 2]),
      healthCheckIntervalSeconds: random.pick([0, 1]),
      healthCheckTimeoutSeconds: random.pick([2, 10]),
      maxUnavailablePercentage: random.pick([1, 25, 50, 100]),
      autoRollbackEnabled: random.chance(0.5),
      failureThreshold: random.between(1, 4),
      canaryPercentage: random.pick([1, 10, 50, 100]),
      canaryDurationSeconds: random.between(60, 180),
      autoPromote: random.chance(0.5),
      blueGreenRetentionSeconds: random.pick([0, 5, 60]),
    },
  };
}

export const DRAWN_STRATEGIES: readonly StrategyName[] = [
  'ROLLING',
  'ROLLING',
  'CANARY',
  'BLUE_GREEN',
  'RECREATE',
  'STAGED',
];

export function drawId(random: SeededRandom): string {
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => random.between(0, 15).toString(16)).join('');
  return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
}

/** Seldom the new version shows by a metric that it is bad. */
function drawMetrics(
  random: SeededRandom,
  fleet: string,
): Pick<UpgradeAsked, 'metrics' | 'canaryMetrics'> {
  if (random.chance(0.7)) return {};
  const errors = random.pick([0, 0, 9]);
  const bound = { bound: 1, direction: 'BELOW', initialDelaySeconds: 0 } as const;
  const asked = random.chance(0.4)
    ? ({ source: 'PROMETHEUS', query: constantOf(errors, fleet) } as const)
    : ({ source: 'TARGET', query: 'errors' } as const);
  return {
    metrics: { errors: { [FROM.version]: 0, [TO.version]: errors } },
    canaryMetrics: [{ name: 'errors', ...asked, ...bound }],
  };
}

/** Some versions have smoke tests, and seldom one of them finds that the version is bad. */
function drawSmokeTests(random: SeededRandom): SmokeTest[] {
  if (random.chance(0.6)) return [];
  return Array.from({ length: random.between(1, 3) }, (_, at) =>
    smokeTestOf(String(at), random.chance(0.1) ? 503 : 200),
  );
}

const PLACES = ['DRAIN', 'BRING', 'HEALTH', 'ROLLBACK', 'LIST', 'SWITCH', 'METRICS'] as const;

/** Faults of the target itself: a version that fails, hangs, lies or loses instances. */
export function drawTargetFaults(
  random: SeededRandom,
  instances: number,
  strategy: StrategyName,
): SimulatedFault[] {
  // There is one switch in a whole upgrade, and no other strategy has any.
  const places = strategy === 'BLUE_GREEN' ? ([...PLACES, 'SWITCH', 'SWITCH'] as const) : PLACES;
  return Array.from({ length: random.between(1, 3) }, () => {
    const on = random.pick(places);
    const drawn = random.pick(['FAIL', 'HANG', 'LIE', 'NO_DATA'] as const);
    // One that lies about what it does is found out by looking, unless looking is lied to as well.
    const isLooking = on === 'LIST' || on === 'HEALTH' || on === 'METRICS';
    const how = drawn === 'LIE' && isLooking ? 'FAIL' : drawn;
    const isOfOne = on !== 'SWITCH' && random.chance(0.7);
    return {
      ...(isOfOne && { instance: random.between(0, instances - 1) }),
      ...{ on, how },
      ...(random.chance(0.7) && { times: random.between(1, 3) }),
    };
  });
}
