/** A random walk of one execution through a model world: what could happen next, and one of it. */
import type { Decision } from '#core/execution/decide.js';
import { STEPS, type LeftOver, type Step } from '#core/execution/execution.js';
import { FAILURE_KINDS, type Input, type Report } from '#core/execution/execution-inputs.js';
import { aPlan, anExecution } from './an-execution.js';
import { action, checks } from './inputs.js';
import { ModelWorld, type Asked } from './model-world.js';
import { rowsTaken, type RowTaken } from './rows-taken.js';
import type { SeededRandom } from './seeded-random.js';

type Possible = readonly [weight: number, happen: () => Input | null];

/** Steps after which a walk must have ended once the world only answers honestly. */
const STEPS_TO_END = 2_000;
const RANDOM_STEPS = 60;

export class RandomWalk {
  readonly world: ModelWorld;
  readonly taken: RowTaken[] = [];
  /** Each pair of status and input that met, with how it was answered. */
  readonly answered: (readonly [status: string, input: Input['type'], Decision['kind']])[] = [];
  readonly #sent: Input[] = [];
  #isHealed = false;

  constructor(private readonly random: SeededRandom) {
    const size = random.between(0, 12);
    const plan = aPlan({
      batchSize: random.between(1, 4),
      batchDelaySeconds: random.pick([0, 1, 60]),
      maxUnavailablePercentage: random.pick([1, 25, 50, 100]),
      failureThreshold: random.between(1, 6),
      autoRollbackEnabled: random.chance(0.5),
    });
    this.world = new ModelWorld(anExecution().withPlan(plan).build(), size);
  }

  /** Walks at random, then lets the world answer honestly until the execution has ended. */
  run(): this {
    for (let step = 0; step < RANDOM_STEPS && !this.world.hasEnded; step += 1) this.#step();
    this.#isHealed = true;
    for (let step = 0; step < STEPS_TO_END && !this.world.hasEnded; step += 1) this.#step();
    if (!this.world.hasEnded) this.world.problems.push('it did not end in an honest world');
    for (const input of this.#sent.slice(-20)) this.#hand(input);
    return this;
  }

  #step(): void {
    const possible = this.#isHealed ? this.#honest() : [...this.#honest(), ...this.#disturbing()];
    const weights = possible.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.random.next() * weights;
    for (const [weight, happen] of possible) {
      at -= weight;
      if (at > 0) continue;
      const input = happen();
      if (input !== null) this.#hand(input);
      return;
    }
  }

  #hand(input: Input): void {
    const { execution, nowMs } = this.world;
    const decision = this.world.take(input);
    this.answered.push([execution.status, input.type, decision.kind]);
    this.taken.push(...rowsTaken(execution, input, nowMs, decision));
    if (!movesInstances(input)) this.#sent.push(input);
  }

  /** What a world without faults would say next. */
  #honest(): Possible[] {
    const { world } = this;
    const possible: Possible[] = [[1, () => this.#passTime()]];
    if (world.execution.status === 'PENDING') possible.push([5, () => action('START')]);
    if (world.isListingAsked) possible.push([5, () => this.#page()]);
    for (const asked of world.asked) possible.push([5, () => this.#answer(asked)]);
    for (const step of STEPS) {
      const indices = world.indicesIn(step);
      if (indices.length > 0) possible.push([5, () => this.#settle(step, indices)]);
    }
    if ('roomWanted' in world.execution && world.execution.roomWanted) {
      possible.push([5, () => ({ type: 'ROOM_COUNTED', room: world.countRoom() })]);
    }
    for (const [timer, atMs] of world.timers) {
      if (atMs > world.nowMs) continue;
      const type = timer === 'DEADLINE' ? 'DEADLINE_PASSED' : 'BATCH_DELAY_OVER';
      possible.push([10, () => ({ type })]);
    }
    if (this.#isHealed && world.fallen.size > 0) {
      possible.push([10, () => (world.fallen.clear(), null)]);
    }
    return possible;
  }

  #disturbing(): Possible[] {
    const { world, random } = this;
    return [
      [0.15, () => action(random.pick(['START', 'CANCEL', 'ROLLBACK', 'PAUSE', 'REVERT']))],
      [0.1, () => action('CANCEL', { force: true })],
      [0.5, () => this.#fall()],
      [0.3, () => (world.fallen.clear(), null)],
      [1, () => (this.#sent.length === 0 ? null : random.pick(this.#sent))],
      [0.03, () => ({ type: 'LISTING_FAILED', reason: 'the target is away' })],
      [0.2, () => ({ type: 'DEADLINE_PASSED' })],
      // A question that gets lost: in a rollback the agent may stay silent for good.
      [world.execution.status === 'ROLLING_BACK' ? 1 : 0.1, () => (world.asked.shift(), null)],
      [0.1, () => ((world.nowMs += 3_600_000), null)],
      [0.2, () => this.#ofAnotherHandOver()],
    ];
  }

  #passTime(): null {
    const { world, random } = this;
    const next = Math.min(...world.timers.values());
    // Where nothing is due, time still passes; where only a timer is left, it goes there at once.
    const isQuiet =
      world.asked.length === 0 && STEPS.every((it) => world.indicesIn(it).length === 0);
    world.nowMs += random.between(0, 7_000);
    if (isQuiet && next > world.nowMs && Number.isFinite(next) && random.chance(0.2)) {
      world.nowMs = next;
    }
    return null;
  }

  #fall(): null {
    if (this.world.instances.length > 0) {
      this.world.fallen.add(this.random.between(0, this.world.instances.length - 1));
    }
    return null;
  }

  #page(): Report {
    const { world, random } = this;
    const { execution } = world;
    const cursor = 'listing' in execution ? execution.listing.cursor : null;
    const left = world.size - execution.total;
    const taken = random.between(0, left);
    const isLast = taken === left;
    if (isLast) world.isListingAsked = false;
    const counts = { listed: taken, taken, alreadyThere: 0 };
    const nextCursor = isLast ? null : `after-${String(execution.total + taken)}`;
    return { type: 'INSTANCES_LISTED', ...counts, cursor, nextCursor };
  }

  #settle(step: Step, all: readonly number[]): Report {
    const { world, random } = this;
    const attempt = world.instances[all[0] ?? 0]?.attempt ?? 1;
    const ofAttempt = all.filter((index) => world.instances[index]?.attempt === attempt);
    const some = random.some(ofAttempt, 0.7);
    const indices = some.length > 0 ? some : ofAttempt;
    const fails = random.chance(this.#isHealed ? 0 : 0.15);
    for (const index of indices) if (step === 'HEALTH_CHECKING') world.fallen.delete(index);
    return {
      type: 'STEPS_SETTLED',
      handOver: world.execution.handOver,
      room: random.chance(0.3) ? world.countRoom() : null,
      settled: [
        {
          step,
          attempt,
          outcome: fails ? 'FAILED' : 'DONE',
          failure: fails ? random.pick(FAILURE_KINDS) : null,
          reason: null,
          indices,
          closedConnections: 0,
        },
      ],
    };
  }

  #answer(asked: Asked): Report {
    const { world, random } = this;
    const { handOver } = asked;
    const isAlive = !this.#isHealed && random.chance(0.3);
    if (!isAlive) world.asked.splice(world.asked.indexOf(asked), 1);
    if (asked.type === 'RUN_PRE_CHECKS' || asked.type === 'RUN_POST_CHECKS') {
      const kind = asked.type === 'RUN_PRE_CHECKS' ? 'PRE' : 'POST';
      if (isAlive) return { type: 'CHECKS_PROGRESSED', handOver, kind };
      const outcome = !this.#isHealed && random.chance(0.1) ? 'FAILED' : 'PASSED';
      return { type: `${kind}_CHECKS_ENDED`, handOver, checks: checks(outcome) };
    }
    const stops = asked.type === 'STOP_ROLLBACK';
    return this.#rollbackAnswer(handOver, stops, !isAlive);
  }

  #rollbackAnswer(handOver: number, stops: boolean, done: boolean): Report {
    const { world, random } = this;
    const report = {
      type: 'ROLLBACK_PROGRESSED',
      handOver,
      restored: [],
      leftOver: [],
      setsRestored: false,
    } as const;
    if (stops || handOver !== world.execution.handOver) return { ...report, done };
    const out = world.instances.flatMap(({ status }, index) =>
      status === 'PENDING' || status === 'ROLLED_BACK' ? [] : [index],
    );
    const lost = !this.#isHealed && random.chance(0.2) ? out.slice(0, 1) : [];
    const back = done ? out.slice(lost.length) : random.some(out.slice(lost.length), 0.5);
    const groups = Map.groupBy(back, (index) => world.instances[index]?.status ?? 'PENDING');
    const leftOver: LeftOver[] = lost.map((at) => ({
      instanceId: `i-${String(at)}`,
      reason: 'no',
    }));
    const restored = [...groups].map(([from, indices]) => ({ from, indices }));
    return { ...report, restored, leftOver, done };
  }

  #ofAnotherHandOver(): Input {
    const handOver = this.world.execution.handOver + this.random.pick([-1, 1]);
    return this.random.pick<Input>([
      { type: 'CHECKS_PROGRESSED', handOver, kind: 'PRE' },
      { type: 'CHECKS_PROGRESSED', handOver, kind: 'POST' },
      { type: 'PRE_CHECKS_ENDED', handOver, checks: checks('FAILED') },
      { type: 'POST_CHECKS_ENDED', handOver, checks: checks('FAILED') },
      { type: 'STEPS_SETTLED', handOver, settled: [], room: null },
      {
        type: 'ROLLBACK_PROGRESSED',
        handOver,
        restored: [],
        leftOver: [],
        setsRestored: false,
        done: true,
      },
    ]);
  }
}

/** Moves that come twice never reach the rules: the store knows how the instances stand. */
function movesInstances(input: Input): boolean {
  if (input.type === 'ROLLBACK_PROGRESSED') return input.restored.length > 0;
  return input.type === 'STEPS_SETTLED' && input.settled.length > 0;
}
