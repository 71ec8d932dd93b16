/** What can go wrong in one run, and how often: drawn from its seed. */
import type { SeededRandom } from '#testing/seeded-random.js';
import type { ServiceName } from './simulated-process.js';

/** Chances, each of one I/O. */
export interface FaultRates {
  /** It takes long: mostly milliseconds, seldom many seconds. */
  readonly slow: number;
  /** It fails before it happens. */
  readonly fails: number;
  /** It happens and its answer is lost. */
  readonly answerLost: number;
  /** Its process dies there. */
  readonly crashes: number;
  /** A publish is written twice, a call arrives twice. */
  readonly doubled: number;
}

export interface FaultPlan {
  readonly database: FaultRates;
  readonly bus: FaultRates;
  readonly target: FaultRates;
  /** What is not the target's own and says how canaries do. */
  readonly metrics: FaultRates;
  /** The way between an operator and the orchestrator. */
  readonly operators: FaultRates;
  readonly replicas: number;
  /** How long faults last, in virtual ms; then everything is healed. */
  readonly faultyMs: number;
  /** Mean time between two blows of the nemesis, in ms; Infinity: it strikes never. */
  readonly blowEveryMs: number;
  /** How far off a process's own clock may be, in ms: drawn at its start, and again in mid-run. */
  readonly skewsMs: readonly number[];
  /** Chance that an operator acts, or something is lost, at a moment that hurts. */
  readonly bias: number;
  /** One that is long enough for every deadline; null: none. */
  readonly night: Night | null;
}

/** Everything is away, and comes back piece by piece. */
export interface Night {
  /** Once a row with one of these names was taken; empty: at any time. */
  readonly after: readonly string[];
  readonly forMs: number;
  /** Comes back last, after as long as it takes the others to miss it; null: all come back soon. */
  readonly last: ServiceName | null;
  readonly lastAfterMs: number;
}

/** Right, some seconds off, and an hour off either way. */
const SKEWS_MS = [0, 7_000, 3_600_000, -3_600_000];

const NONE: FaultRates = { slow: 0, fails: 0, answerLost: 0, crashes: 0, doubled: 0 };

/**
 * Each run has some kinds of faults and not others: with all of them at once nothing would ever get
 * far enough to meet the rare ones.
 */
export function drawFaults(random: SeededRandom): FaultPlan {
  const rate = (often: number): number => (random.chance(0.5) ? often * random.next() : 0);
  const rates = (): FaultRates => ({
    slow: rate(0.1),
    fails: rate(0.05),
    answerLost: rate(0.05),
    crashes: rate(0.004),
    doubled: rate(0.3),
  });
  return {
    database: rates(),
    bus: rates(),
    // A target far away: what is asked of it may arrive when somebody else drives it already.
    target: { ...rates(), slow: rate(0.5), crashes: rate(0.002) },
    metrics: rates(),
    operators: rates(),
    replicas: random.pick([1, 1, 2]),
    // Canaries are watched for minutes, and most upgrades end within one.
    faultyMs: random.chance(0.2) ? random.between(90_000, 300_000) : random.between(5_000, 90_000),
    blowEveryMs: random.chance(0.2) ? Infinity : random.between(1_000, 20_000),
    skewsMs: SKEWS_MS,
    bias: random.chance(0.5) ? 0.5 : 0.05,
    night: random.chance(0.12) ? drawNight(random) : null,
  };
}

const MINUTE_MS = 60_000;

/** By whom somebody is missed, and since when: what follows has deadlines of minutes, or of an hour. */
const NIGHTS: readonly Pick<Night, 'after' | 'last'>[] = [
  { after: ['start', 'page-listed', 'checks-under-way'], last: 'validator' },
  { after: ['canaries-completed', 'canary-watched'], last: 'canary-monitor' },
  { after: ['rollback', 'canary-unhealthy', 'rollback-progressed'], last: 'rollback-agent' },
  { after: ['cancel-rollback', 'failed-again', 'threshold-reached'], last: 'rollback-agent' },
  { after: ['next-batch', 'retry-round', 'cancel', 'no-room'], last: null },
  { after: ['pause', 'stage-settled', 'revert', 'canary-watched', 'no-room'], last: null },
  { after: ['all-completed', 'new-set', 'traffic-switched', 'batch-settled'], last: null },
];

function drawNight(random: SeededRandom): Night {
  return {
    ...random.pick(NIGHTS),
    forMs: random.pick([3, 17, 65, 130]) * MINUTE_MS + random.between(0, MINUTE_MS),
    lastAfterMs: random.pick([0.2, 3, 5]) * MINUTE_MS,
  };
}

/** For scenarios: nothing goes wrong but what the scenario does. */
export const NO_FAULTS: FaultPlan = {
  database: NONE,
  bus: NONE,
  target: NONE,
  metrics: NONE,
  operators: NONE,
  replicas: 1,
  faultyMs: 0,
  blowEveryMs: Infinity,
  skewsMs: [0],
  bias: 0,
  night: null,
};

/** How long what was committed before a night may wait for whoever goes on with it. */
export function nightMsOf({ night }: FaultPlan): number {
  return night === null ? 0 : night.forMs + night.lastAfterMs + MINUTE_MS;
}

/** How long a slow I/O takes, in ms: a heavy tail, up to half a minute. */
export function slowness(random: SeededRandom): number {
  const tail = random.next() ** 6;
  return Math.round(1 + random.next() * 20 + tail * 30_000);
}
