import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ATTEMPTS_MAX, ROOM_READING_MAX_AGE_MS } from '../limits.js';
import { allowedDown } from '../strategies/room.js';
import type { FailureKind } from '../execution/execution-inputs.js';
import type { Step } from '../execution/execution.js';
import { decideRollback } from './decide-rollback.js';
import type { RollbackInput } from './rollback-inputs.js';
import {
  isStep,
  sightOf,
  wantOf,
  type RollbackMove,
  type RollbackSaying,
  type RollbackStatus,
  type RollbackWork,
  type Sight,
} from './rollback.js';

/** What a target holds of an instance. `fails`: how many attempts fail; `gone`: it vanishes. */
interface Machine {
  version: string;
  admitted: boolean;
  healthy: boolean;
  fails: number;
  gone: boolean;
}

interface Row {
  status: RollbackStatus;
  attempt: number;
}

const BACK = '1.0.0';

/** A store, a target and an owner in forty lines each: enough to run a rollback to its end. */
class World {
  work: RollbackWork | null = null;
  rows: Row[] = [];
  nowMs = 1_000;
  says: RollbackSaying[] = [];
  lookedDownAtMs = new Map<number, number>();
  count = { othersDown: 0, atMs: -1_000_000 };

  constructor(
    readonly machines: Machine[],
    readonly plan: {
      listed: number;
      percentage: number;
      batchSize: number;
      strangersDown: number;
      ignoresRoom: boolean;
    },
    readonly chance: () => number,
  ) {}

  isDown(index: number): boolean {
    const machine = this.machines[index];
    return machine !== undefined && !machine.gone && !(machine.admitted && machine.healthy);
  }

  downCount(): number {
    return this.machines.filter((_, index) => this.isDown(index)).length + this.plan.strangersDown;
  }

  give(input: RollbackInput): void {
    const before = this.work;
    const decision = decideRollback(before, input, this.nowMs);
    if (decision.kind !== 'DECIDED') return;
    for (const move of decision.moves) this.apply(move, before);
    this.says.push(...decision.says);
    this.work = decision.next;
    if (decision.storesPage)
      this.rows = this.machines.map(() => ({ status: 'UNSEEN', attempt: 0 }));
    for (const [status, count] of Object.entries(this.work.counters)) {
      expect([status, this.standing(status as RollbackStatus).length]).toEqual([status, count]);
    }
  }

  standing(status: RollbackStatus): number[] {
    return this.rows.flatMap((row, index) => (row.status === status ? [index] : []));
  }

  apply(move: RollbackMove, before: RollbackWork | null): void {
    const { select, from } = move;
    const taken =
      select.by === 'NEXT' ? this.standing(from).slice(0, select.count) : [...select.indices];
    if (move.begins) this.judgeBegin(move, taken, before);
    for (const index of taken) {
      const row = this.rows[index];
      if (row === undefined) throw new Error('no such row');
      expect(row.status).toBe(from);
      row.status = move.to;
      row.attempt += move.begins ? 1 : 0;
      expect(row.attempt).toBeLessThanOrEqual(ATTEMPTS_MAX);
      const machine = this.machines[index];
      if (machine !== undefined && move.to === 'DRAINING') machine.admitted = false;
    }
  }

  /** I4: a healthy one only within the room, a down one only by a look of the last seconds. */
  judgeBegin(move: RollbackMove, taken: number[], before: RollbackWork | null): void {
    const { listed, percentage, ignoresRoom } = this.plan;
    const isFresh = (atMs: number): boolean => this.nowMs - atMs <= ROOM_READING_MAX_AGE_MS;
    if (move.from === 'UP') {
      expect(before?.gaveUp ?? null).toBeNull();
      if (ignoresRoom) return;
      expect(isFresh(this.count.atMs)).toBe(true);
      const down = this.count.othersDown + taken.length;
      expect(down).toBeLessThanOrEqual(allowedDown(listed, percentage));
    }
    if (move.from !== 'DOWN') return;
    for (const index of taken) {
      expect(isFresh(this.lookedDownAtMs.get(index) ?? -1_000_000)).toBe(true);
    }
  }

  /** One turn of the owner: find out what is wanted, or let some step end. */
  turn(): void {
    this.nowMs += Math.floor(this.chance() * 7_000);
    this.flap();
    const want = this.work === null ? null : wantOf(this.work);
    if (want?.want === 'LOOK') this.look(want.from, want.limit);
    else if (want?.want === 'COUNT_ROOM') this.countRoom();
    else this.endSomeSteps();
    this.give({ type: 'TIME_PASSED' });
  }

  look(from: 'UNSEEN' | 'DOWN', limit: number): void {
    const seen: Record<Sight, number[]> = { THERE: [], DOWN: [], UP: [], VANISHED: [] };
    const lookedAtMs = this.nowMs;
    for (const index of this.standing(from).slice(0, limit)) {
      const machine = this.machines[index];
      const sight = sightOf(BACK, machine?.gone === true ? undefined : machine);
      seen[sight].push(index);
      if (sight === 'DOWN') this.lookedDownAtMs.set(index, lookedAtMs);
    }
    this.nowMs += Math.floor(this.chance() * 6_000);
    this.give({ type: 'INSTANCES_LOOKED_AT', from, lookedAtMs, seen });
  }

  countRoom(): void {
    const countedAtMs = this.nowMs;
    const othersDown = this.downCount();
    this.count = { othersDown, atMs: countedAtMs };
    const fallen = this.standing('UP').filter((index) => this.isDown(index));
    for (const index of fallen) this.lookedDownAtMs.set(index, countedAtMs);
    this.nowMs += Math.floor(this.chance() * 6_000);
    this.give({ type: 'ROOM_COUNTED', othersDown, fallen, countedAtMs });
  }

  endSomeSteps(): void {
    this.rows.forEach((row, index) => {
      if (isStep(row.status) && this.chance() < 0.7) this.endStep(index, row, row.status);
    });
  }

  endStep(index: number, row: Row, step: Step): void {
    const machine = this.machines[index];
    if (machine === undefined) return;
    const fails = step !== 'DRAINING' && row.attempt <= machine.fails;
    if (!fails && step === 'UPGRADING') Object.assign(machine, { version: BACK, healthy: true });
    if (!fails && step === 'HEALTH_CHECKING') machine.admitted = true;
    const failure: FailureKind | null = machine.gone ? 'VANISHED' : fails ? 'UNHEALTHY' : null;
    const ended = { step, attempt: row.attempt, failure, reasons: [null] };
    const outcome = failure === null ? 'DONE' : 'FAILED';
    this.give({ type: 'STEPS_SETTLED', settled: [{ ...ended, outcome, indices: [index] }] });
  }

  /** What nobody asked for: instances fall and come back by themselves. */
  flap(): void {
    this.machines.forEach((machine, index) => {
      if (isStep(this.rows[index]?.status ?? 'UNSEEN') || this.chance() > 0.02) return;
      machine.healthy = !machine.healthy;
    });
  }
}

const machine = fc.record({
  version: fc.constantFrom(BACK, '2.0.0'),
  admitted: fc.boolean(),
  healthy: fc.boolean(),
  fails: fc.constantFrom(0, 0, 0, 0, 1, 2),
  gone: fc.constantFrom(false, false, false, false, false, true),
});

const scenario = fc.record({
  machines: fc.array(machine, { maxLength: 30 }),
  strangers: fc.nat({ max: 20 }),
  strangersDown: fc.nat({ max: 3 }),
  percentage: fc.integer({ min: 1, max: 100 }),
  batchSize: fc.integer({ min: 1, max: 12 }),
  ignoresRoom: fc.boolean(),
  seed: fc.integer({ min: 1, max: 2_147_483_646 }),
});

/** A generator of our own, so that a scenario's seed repeats everything. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state - 1) / 2_147_483_646;
  };
}

describe('whatever happens to the instances', () => {
  test('a rollback ends, within the room, and tells of each instance once', () => {
    fc.assert(
      fc.property(
        scenario,
        ({ machines, strangers, strangersDown, percentage, batchSize, ignoresRoom, seed }) => {
          const listed = Math.max(1, machines.length + strangers);
          const world = new World(
            machines.map((one) => ({ ...one })),
            {
              ...{ listed, percentage, batchSize, ignoresRoom },
              strangersDown: Math.min(strangers, strangersDown),
            },
            chanceOf(seed),
          );
          world.give({
            ...{ type: 'ROLLBACK_ASKED', executionId: 'e', handOver: 2, kind: 'ROLL_BACK' },
            ...{ commandId: 'c', page: 1, pages: 1, instances: machines.length, listed },
            ...{ maxUnavailablePercentage: percentage, batchSize, other: null },
            ...{ ignoresRoom, sets: null },
          });
          for (let turn = 0; turn < 3_000 && world.work?.state === 'RUNNING'; turn += 1)
            world.turn();
          expect(world.work?.state).toBe('ENDED');
          expect(world.says.filter((saying) => saying.state === 'ENDED')).toHaveLength(1);
          expect(world.says.at(-1)?.state).toBe('ENDED');
          expect(world.says.map((saying) => saying.number)).toEqual(
            world.says.map((_, n) => n + 1),
          );
          let told = 0;
          for (const saying of world.says) {
            expect(saying.after).toBe(told);
            told = saying.upTo;
          }
          expect(told).toBe(machines.length);
        },
      ),
      { numRuns: 300 },
    );
  });
});
