/** A random walk of one execution through a model world: what could happen next, and one of it. */
import type { Decision } from '#core/execution/decide.js';
import { STEPS, STRATEGY_NAMES, type ExecutionPlan } from '#core/execution/execution.js';
import { ACTION_TYPES, type Input, type Report } from '#core/execution/execution-inputs.js';
import type { TimerKind } from '#core/execution/execution-requests.js';
import { aPlan, anExecution } from './an-execution.js';
import { action, checks, setListed, setOperationEnded, watched } from './inputs.js';
import { ModelAnswers } from './model-answers.js';
import { ModelWorld } from './model-world.js';
import { rowsTaken, type RowTaken } from './rows-taken.js';
import type { SeededRandom } from './seeded-random.js';

type Possible = readonly [weight: number, happen: () => Input | null];

/** Steps after which a walk must have ended once the world only answers honestly. */
const STEPS_TO_END = 2_000;
const RANDOM_STEPS = 60;

const FIRES: Readonly<Partial<Record<TimerKind, Report['type']>>> = {
  BATCH_DELAY: 'BATCH_DELAY_OVER',
  DEADLINE: 'DEADLINE_PASSED',
  REMINDER: 'REMINDER_DUE',
};

/** Who initiated the upgrade, somebody else, and one who does not say who he is. */
const PEOPLE = ['ann', 'bob', 'anonymous'] as const;

export class RandomWalk {
  readonly world: ModelWorld;
  readonly taken: RowTaken[] = [];
  /** Each pair of status and input that met, with how it was answered. */
  readonly answered: (readonly [status: string, input: Input['type'], Decision['kind']])[] = [];
  readonly #answers: ModelAnswers;
  readonly #sent: Input[] = [];
  #isHealed = false;

  constructor(private readonly random: SeededRandom) {
    const size = random.between(0, 12);
    this.world = new ModelWorld(anExecution().withPlan(anyPlan(random)).build(), size);
    this.#answers = new ModelAnswers(this.world, random);
  }

  /** Walks at random, then lets the world answer honestly until the execution has ended. */
  run(): this {
    for (let step = 0; step < RANDOM_STEPS && !this.world.hasEnded; step += 1) this.#step();
    this.#isHealed = true;
    this.#answers.isHealed = true;
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
    const answers = this.#answers;
    const possible: Possible[] = [[1, () => this.#passTime()], ...this.#byPeople()];
    if (world.isListingAsked) possible.push([5, () => answers.page()]);
    for (const asked of world.asked) possible.push([5, () => answers.answer(asked)]);
    for (const step of STEPS) {
      const indices = world.indicesIn(step);
      if (indices.length > 0) possible.push([5, () => answers.settle(step, indices)]);
    }
    if ('roomWanted' in world.execution && world.execution.roomWanted) {
      possible.push([5, () => ({ type: 'ROOM_COUNTED', room: world.countRoom() })]);
    }
    for (const [timer, atMs] of world.timers) {
      const type = FIRES[timer];
      if (type === undefined || atMs > world.nowMs) continue;
      possible.push([10, () => ({ type }) as Report]);
    }
    if (this.#isHealed && world.fallen.size > 0) {
      possible.push([10, () => (world.fallen.clear(), null)]);
    }
    return [...possible, ...this.#ofSets()];
  }

  /** Operations on sets, the names of a new set's instances, and the watch over canaries. */
  #ofSets(): Possible[] {
    const { world } = this;
    const answers = this.#answers;
    const { execution, watch } = world;
    const possible: Possible[] = [];
    if (watch !== null) possible.push([3, () => answers.watched(watch)]);
    if (!('setOperation' in execution)) return possible;
    const { setOperation, newSet, total, stopping } = execution;
    if (setOperation !== null) possible.push([5, () => answers.setOperation(setOperation)]);
    const lacksNames = newSet?.state === 'STANDING' && newSet.named < total;
    if (lacksNames && stopping === null) possible.push([5, () => answers.setPage(newSet)]);
    return possible;
  }

  /** What somebody does sooner or later who wants the upgrade to go on. */
  #byPeople(): Possible[] {
    const { execution } = this.world;
    const weight = this.#isHealed ? 5 : 0.7;
    if (execution.status === 'PENDING') return [[5, () => action('START')]];
    if (execution.stopping !== null) return [];
    if (execution.status === 'CANARY_MONITORING') {
      const isPatient = this.#isHealed && execution.waitingFor === null;
      if (isPatient) return [];
      const anyway = { force: true, reason: 'it is only the probe' };
      return [[weight / 3, () => action('PROMOTE_CANARY', this.#isHealed ? anyway : {})]];
    }
    if (execution.status !== 'PAUSED') return [];
    const isStage = execution.pauseReason === 'STAGE_APPROVAL';
    const by = this.#isHealed ? 'bob' : this.random.pick(PEOPLE);
    return [[weight, () => (isStage ? action('APPROVE', { by }) : action('RESUME'))]];
  }

  #disturbing(): Possible[] {
    const { world, random } = this;
    const by = random.pick(PEOPLE);
    const force = random.chance(0.3);
    const reason = random.chance(0.5) ? 'because' : null;
    const isBack = world.execution.status === 'ROLLING_BACK';
    return [
      [0.25, () => action(random.pick(ACTION_TYPES), { by, force, reason })],
      [isBack ? 0.5 : 0.1, () => action('CANCEL', { force: true })],
      [0.3, () => action('PAUSE')],
      [0.5, () => this.#fall()],
      [0.3, () => (world.fallen.clear(), null)],
      [1, () => (this.#sent.length === 0 ? null : random.pick(this.#sent))],
      [0.03, () => ({ type: 'LISTING_FAILED', reason: 'the target is away' })],
      [0.2, () => ({ type: 'DEADLINE_PASSED' })],
      [0.2, () => ({ type: 'REMINDER_DUE' })],
      [0.2, () => ({ type: 'BATCH_DELAY_OVER' })],
      [0.25, () => this.#changeFleet()],
      // A question that gets lost: in a rollback the agent may stay silent for good.
      [isBack ? 3 : 0.1, () => (world.asked.shift(), null)],
      [0.1, () => ((world.nowMs += 3_600_000), null)],
      [0.6, () => this.#ofAnotherHandOver()],
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

  /** Somebody removes instances before their turn, or adds some. */
  #changeFleet(): Report {
    const { world, random } = this;
    const vanished = random.some(world.indicesIn('PENDING'), 0.1);
    const appeared = random.some(['i-new', 'i-newer'], 0.3);
    return {
      type: 'FLEET_COMPARED',
      handOver: world.execution.handOver,
      ...{ vanished, appeared },
    };
  }

  #ofAnotherHandOver(): Input {
    const handOver = this.world.execution.handOver + this.random.pick([-1, 1]);
    const nothing = { restored: [], leftOver: [], setsRestored: true };
    return this.random.pick<Input>([
      { type: 'CHECKS_PROGRESSED', handOver, kind: 'PRE' },
      { type: 'CHECKS_PROGRESSED', handOver, kind: 'POST' },
      { type: 'PRE_CHECKS_ENDED', handOver, checks: checks('FAILED') },
      { type: 'POST_CHECKS_ENDED', handOver, checks: checks('FAILED') },
      { type: 'STEPS_SETTLED', handOver, settled: [], room: null },
      { type: 'FLEET_COMPARED', handOver, vanished: [0], appeared: [] },
      setOperationEnded({ handOver, number: this.world.execution.setOperations }),
      setListed(1, { handOver }),
      watched('UNHEALTHY', { handOver }),
      { type: 'ROLLBACK_PROGRESSED', handOver, ...nothing, done: true },
    ]);
  }
}

function anyPlan(random: SeededRandom): ExecutionPlan {
  const strategy = random.pick(STRATEGY_NAMES);
  return aPlan({
    strategy,
    batchSize: random.between(1, 4),
    batchDelaySeconds: random.pick([0, 1, 60]),
    maxUnavailablePercentage: random.pick([1, 25, 50, 100]),
    failureThreshold: random.between(1, 6),
    autoRollbackEnabled: random.chance(0.5),
    canaryPercentage: random.pick([1, 30, 100]),
    canaryDurationSeconds: random.pick([60, 600]),
    autoPromote: random.chance(0.5),
    newSet: strategy === 'BLUE_GREEN' && random.chance(0.2) ? 'green' : null,
    staleSet: random.chance(0.2) ? 'old-blue' : null,
  });
}

/** Moves that come twice never reach the rules: the store knows how the instances stand. */
function movesInstances(input: Input): boolean {
  if (input.type === 'ROLLBACK_PROGRESSED') return input.restored.length > 0;
  return input.type === 'STEPS_SETTLED' && input.settled.length > 0;
}
