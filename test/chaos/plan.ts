/**
 * What is asked for in a run: the same for the same seed. When it happens is up to the machine, so
 * that two runs of a seed are alike, and not the same.
 */
import type { StrategyName } from '#core/execution/execution.js';
import type { SimulatedFault } from '#targets/simulated-faults.js';
import type { SeededRandom } from '#testing/seeded-random.js';

export interface PlannedFleet {
  readonly name: string;
  readonly tenantId: string;
  readonly driver: 'agent' | 'simulated';
  readonly instances: number;
  /** Of a simulated one: how long an operation takes at its middle. */
  readonly latencyMs: number;
  readonly batchSizes: readonly number[];
}

/** What is wrong with a version: nothing, or for all instances, or (`simulated`) for some. */
export type Quality = 'GOOD' | 'NEVER_HEALTHY' | 'LIES' | 'SOME_FAIL' | 'SOME_HANG';

export interface PlannedUpgrade {
  readonly quality: Quality;
  readonly strategy: StrategyName;
  readonly batchSize: number;
  readonly maxUnavailablePercentage: number;
  readonly autoRollbackEnabled: boolean;
  readonly failureThreshold: number;
  readonly canaryPercentage: number;
  readonly autoPromote: boolean;
  readonly blueGreenRetentionSeconds: number;
  /** How the create is sent: once, twice at once under one key, or twice at once without. */
  readonly create: 'ONCE' | 'TWICE_WITH_KEY' | 'TWICE';
  readonly startTwice: boolean;
  /** What people do besides answering, each at its moment. */
  readonly acts: readonly PlannedAct[];
  /** Whether it is taken back when it has ended. */
  readonly revert: boolean;
  /** Faults of the target itself, before it is created until it has ended. */
  readonly faults: readonly SimulatedFault[];
}

/** Some people act at the same time, whether or not it makes sense. */
export interface PlannedAct {
  readonly at: Moment;
  readonly actions: readonly PlannedAction[];
}

export type Moment =
  /** So many percent of the instances are COMPLETED. */
  { readonly completed: number } | { readonly status: string };

export interface PlannedAction {
  readonly action: string;
  readonly person: string;
  readonly force: boolean;
  /** Sent twice at once under one Idempotency-Key. */
  readonly twice: boolean;
}

const STRATEGIES: readonly StrategyName[] = [
  'ROLLING',
  'ROLLING',
  'CANARY',
  'BLUE_GREEN',
  'STAGED',
  'RECREATE',
];

const ACTIONS = [
  'pause',
  'pause',
  'resume',
  'cancel',
  'rollback',
  'rollback',
  'promote-canary',
  'approve',
  'start',
] as const;

const PEOPLE = ['olga', 'omar', 'otto'] as const;

/**
 * @param asked draws the plan of one upgrade after the other; nothing else may draw from it
 * @param isPatient canaries may be watched for their whole minute
 */
export function planUpgrade(
  asked: SeededRandom,
  fleet: PlannedFleet,
  isPatient: boolean,
): PlannedUpgrade {
  const random = asked.fork();
  const quality = planQuality(random, fleet);
  const strategy = random.pick(STRATEGIES);
  const isLarge = fleet.instances >= LARGE;
  return {
    quality,
    strategy,
    batchSize: random.pick(fleet.batchSizes),
    maxUnavailablePercentage: random.pick(isLarge ? [5, 10, 20] : [25, 50]),
    autoRollbackEnabled: random.chance(0.6),
    failureThreshold: random.pick([1, 2, 3]),
    canaryPercentage: random.pick([5, 25, 50]),
    autoPromote: random.chance(0.2) && isPatient,
    blueGreenRetentionSeconds: random.pick([0, 2]),
    create: random.pick(['ONCE', 'TWICE_WITH_KEY', 'TWICE'] as const),
    startTwice: random.chance(0.3),
    acts: planActs(random, strategy),
    revert: random.chance(0.35),
    faults: planFaults(random, quality, fleet),
  };
}

const LARGE = 50;

function planQuality(random: SeededRandom, { driver }: PlannedFleet): Quality {
  if (random.chance(0.6)) return 'GOOD';
  const both = ['NEVER_HEALTHY', 'LIES'] as const;
  return random.pick<Quality>(driver === 'agent' ? both : [...both, 'SOME_FAIL', 'SOME_HANG']);
}

/** Mostly nobody meddles: only then upgrades get to their end. */
function planActs(random: SeededRandom, strategy: StrategyName): PlannedAct[] {
  const acts: PlannedAct[] = [];
  if (strategy === 'CANARY' && random.chance(0.5)) {
    acts.push({ at: { status: 'CANARY_MONITORING' }, actions: planActions(random) });
  }
  for (const completed of [0, 30, 60, 99]) {
    if (random.chance(0.15)) acts.push({ at: { completed }, actions: planActions(random) });
  }
  for (const status of ['VALIDATING', 'PAUSED', 'ROLLING_BACK']) {
    if (random.chance(0.12)) acts.push({ at: { status }, actions: planActions(random) });
  }
  return acts;
}

function planActions(random: SeededRandom): PlannedAction[] {
  return Array.from({ length: random.pick([1, 1, 2, 3]) }, () => ({
    action: random.pick(ACTIONS),
    person: random.pick(PEOPLE),
    force: random.chance(0.3),
    twice: random.chance(0.25),
  }));
}

/** Bad versions of real processes are bad by themselves. */
function planFaults(
  random: SeededRandom,
  quality: Quality,
  { driver, instances }: PlannedFleet,
): SimulatedFault[] {
  if (driver === 'agent') return [];
  const some = (): number => random.between(0, instances - 1);
  switch (quality) {
    case 'GOOD':
      return [];
    case 'NEVER_HEALTHY':
      return [{ on: 'HEALTH', how: 'FAIL' }];
    case 'LIES':
      return [{ on: 'BRING', how: 'LIE' }];
    case 'SOME_FAIL':
      return [some(), some()].map((instance) => ({ instance, on: 'BRING', how: 'FAIL', times: 2 }));
    case 'SOME_HANG':
      return [{ instance: some(), on: 'BRING', how: 'HANG', times: 1 }];
  }
}
