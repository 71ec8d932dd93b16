/** What can go wrong in one run, and how often: drawn from its seed. */
import type { SeededRandom } from '#testing/seeded-random.js';

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
  /** A publish is written twice. */
  readonly doubled: number;
}

export interface FaultPlan {
  readonly database: FaultRates;
  readonly bus: FaultRates;
  readonly target: FaultRates;
  readonly replicas: number;
  /** How long faults last, in virtual ms; then everything is healed. */
  readonly faultyMs: number;
  /** Mean time between two blows of the nemesis, in ms; Infinity: it strikes never. */
  readonly blowEveryMs: number;
  /** How far off a process's own clock may be, in ms: drawn at its start, and again in mid-run. */
  readonly skewsMs: readonly number[];
  /** Chance that an operator acts at a moment that hurts. */
  readonly bias: number;
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
    replicas: random.pick([1, 1, 2]),
    // Canaries are watched for minutes, and most upgrades end within one.
    faultyMs: random.chance(0.2) ? random.between(90_000, 300_000) : random.between(5_000, 90_000),
    blowEveryMs: random.chance(0.2) ? Infinity : random.between(1_000, 20_000),
    skewsMs: SKEWS_MS,
    bias: random.chance(0.5) ? 0.5 : 0.05,
  };
}

/** For scenarios: nothing goes wrong but what the scenario does. */
export const NO_FAULTS: FaultPlan = {
  database: NONE,
  bus: NONE,
  target: NONE,
  replicas: 1,
  faultyMs: 0,
  blowEveryMs: Infinity,
  skewsMs: [0],
  bias: 0,
};

/** How long a slow I/O takes, in ms: a heavy tail, up to half a minute. */
export function slowness(random: SeededRandom): number {
  const tail = random.next() ** 6;
  return Math.round(1 + random.next() * 20 + tail * 30_000);
}
