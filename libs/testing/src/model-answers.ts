/**
 * What the targets and services of a model world say when their turn comes: each answer at random,
 * good and bad, until the world is healed; from then on they are honest and all goes well.
 */
import { CANARY_VERDICTS, type CanaryVerdict } from '#core/canary/canary-samples.js';
import type { LeftOver, NewSet, SetOperation, Step } from '#core/execution/execution.js';
import { FAILURE_KINDS, type Report } from '#core/execution/execution-inputs.js';
import { checks, setListed, setOperationEnded, watched } from './inputs.js';
import type { Asked, ModelWorld } from './model-world.js';
import type { SeededRandom } from './seeded-random.js';

export class ModelAnswers {
  isHealed = false;

  constructor(
    private readonly world: ModelWorld,
    private readonly random: SeededRandom,
  ) {}

  page(): Report {
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

  settle(step: Step, all: readonly number[]): Report {
    const { world, random } = this;
    const attempt = world.instances[all[0] ?? 0]?.attempt ?? 1;
    const ofAttempt = all.filter((index) => world.instances[index]?.attempt === attempt);
    const some = random.some(ofAttempt, 0.7);
    const indices = some.length > 0 ? some : ofAttempt;
    const fails = this.#goesWrong(0.12);
    for (const index of indices) if (step === 'HEALTH_CHECKING') world.fallen.delete(index);
    const group = {
      ...{ step, attempt, indices, reason: null, closedConnections: 0 },
      outcome: fails ? ('FAILED' as const) : ('DONE' as const),
      failure: fails ? random.pick(FAILURE_KINDS) : null,
    };
    const room = random.chance(0.3) ? world.countRoom() : null;
    const { handOver } = world.execution;
    return { type: 'STEPS_SETTLED', handOver, room, settled: [group] };
  }

  answer(asked: Asked): Report {
    const { world, random } = this;
    const { handOver } = asked;
    const isAlive = !this.isHealed && random.chance(0.3);
    if (!isAlive) world.asked.splice(world.asked.indexOf(asked), 1);
    if (asked.type === 'RUN_PRE_CHECKS' || asked.type === 'RUN_POST_CHECKS') {
      const kind = asked.type === 'RUN_PRE_CHECKS' ? 'PRE' : 'POST';
      if (isAlive) return { type: 'CHECKS_PROGRESSED', handOver, kind };
      const outcome = this.#goesWrong(0.1) ? 'FAILED' : 'PASSED';
      return { type: `${kind}_CHECKS_ENDED`, handOver, checks: checks(outcome) };
    }
    const stops = asked.type === 'STOP_ROLLBACK';
    return this.#rollback(handOver, stops, !isAlive);
  }

  setOperation({ number, verb, set }: SetOperation): Report {
    const { handOver } = this.world.execution;
    const ended = { handOver, number };
    if (this.#goesWrong(0.15)) return setOperationEnded({ ...ended, reason: 'it hangs' });
    // Nobody has switched before, unless the new set was live already.
    const liveSet = verb === 'CREATE' && this.#goesWrong(0.1) ? set : 'blue';
    return setOperationEnded({ ...ended, liveSet });
  }

  /** The next page of a new set's instances; now and then the set is too small. */
  setPage({ named, cursor }: NewSet): Report {
    const { random } = this;
    const { handOver, total } = this.world.execution;
    const count = random.between(1, total - named);
    const isLast = named + count === total || this.#goesWrong(0.1);
    const nextCursor = isLast ? null : `after-${String(named + count)}`;
    return setListed(count, { handOver, cursor, nextCursor });
  }

  watched(handOver: number): Report {
    const { world, random } = this;
    const canary = world.execution.canary;
    const durationOver = canary !== null && world.nowMs >= canary.endsAtMs;
    const verdict = this.isHealed
      ? 'HEALTHY'
      : random.pick<CanaryVerdict | null>([null, 'HEALTHY', ...CANARY_VERDICTS]);
    return watched(verdict, { handOver, durationOver });
  }

  #goesWrong(probability: number): boolean {
    return !this.isHealed && this.random.chance(probability);
  }

  #rollback(handOver: number, stops: boolean, done: boolean): Report {
    const { world, random } = this;
    const nothing = { restored: [], leftOver: [], setsRestored: false };
    const report = { type: 'ROLLBACK_PROGRESSED', handOver, ...nothing } as const;
    if (stops || handOver !== world.execution.handOver) return { ...report, done };
    if (world.execution.newSet !== null) {
      const setsRestored = done ? !this.#goesWrong(0.2) : random.chance(0.2);
      return { ...report, done, setsRestored };
    }
    const out = world.instances.flatMap(({ status }, index) =>
      status === 'PENDING' || status === 'ROLLED_BACK' ? [] : [index],
    );
    const lost = this.#goesWrong(0.2) ? out.slice(0, 1) : [];
    const back = done ? out.slice(lost.length) : random.some(out.slice(lost.length), 0.5);
    const groups = Map.groupBy(back, (index) => world.instances[index]?.status ?? 'PENDING');
    const leftOver: LeftOver[] = lost.map((at) => ({
      instanceId: `i-${String(at)}`,
      reason: 'no',
    }));
    const restored = [...groups].map(([from, indices]) => ({ from, indices }));
    return { ...report, restored, leftOver, done };
  }
}
