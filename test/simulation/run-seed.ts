/** One run of the simulation: safety with faults, then healing, then everything must end. */
import { SeededRandom } from '#testing/seeded-random.js';
import { checkAll } from './checkers.js';
import { drawFaults } from './fault-plan.js';
import { HonestOperator } from './honest-operator.js';
import { Nemesis } from './nemesis.js';
import { HONEST, type PlantedBug } from './planted-bugs/planted-bug.js';
import { SimulatedWorld } from './simulated-world.js';
import { drawUpgrade } from './upgrades.js';

export interface SeedRun {
  readonly seed: number;
  readonly problems: readonly string[];
  /** The same for the same trace. */
  readonly traceHash: string;
  readonly rowsHit: ReadonlyMap<string, number>;
  /** How each upgrade ended. */
  readonly ends: readonly string[];
  readonly virtualMs: number;
  readonly events: number;
  /** How often each kind of fault has really happened. */
  readonly struck: ReadonlyMap<string, number>;
  /** How often each invariant was looked at, by what it says. */
  readonly looks: ReadonlyMap<string, number>;
}

/** Rejects when the simulation itself fails, and names the run that shows it. */
export async function runSeed(
  seed: number,
  bug: PlantedBug = HONEST,
  onTrace?: (line: string) => void,
): Promise<SeedRun> {
  try {
    return await run(seed, bug, onTrace);
  } catch (cause) {
    throw new Error(`${replayLine({ seed }, bug)}: ${String(cause)}`, { cause });
  }
}

async function run(
  seed: number,
  bug: PlantedBug,
  onTrace: ((line: string) => void) | undefined,
): Promise<SeedRun> {
  const random = new SeededRandom(seed);
  const faults = { ...drawFaults(random), ...bug.shownBy?.faults };
  const upgrades = random.pick([1, 1, 2]);
  const drawn = Array.from({ length: upgrades }, (_, at) =>
    drawUpgrade(random, at, bug.shownBy?.upgrade),
  );
  const world = new SimulatedWorld({ seed, faults, bug, ...(onTrace && { onTrace }) });
  const startedMs = world.clock.nowMs();
  const nemesis = new Nemesis(world);
  await world.start();
  for (const upgrade of drawn) void world.upgrade(upgrade);
  await nemesis.rage();
  await world.heal();
  void new HonestOperator(world).work();
  // Whoever still asks for something when the faults are over may be heard after all has ended.
  do {
    // What does not end in its time is not waited for again: the last look says so.
    if (!(await world.settle())) break;
    await world.letAllBeTidied();
  } while (world.problems.length === 0 && !world.haveAllEnded());
  const problems = await checkAll(world);
  return {
    seed,
    problems,
    traceHash: world.traceHash,
    rowsHit: world.rowsHit,
    ends: world.upgrades.map(({ create }) => world.execution(create.id).status),
    virtualMs: world.clock.nowMs() - startedMs,
    events: world.clock.happened,
    struck: world.struck,
    looks: world.findings.looks,
  };
}

/** The line that replays a run, to be printed beside its problems. */
export function replayLine({ seed }: { readonly seed: number }, bug: PlantedBug = HONEST): string {
  const planted = bug === HONEST ? '' : ` --bug ${bug.name}`;
  return `npm run simulate -- --seed ${String(seed)}${planted} --trace`;
}
