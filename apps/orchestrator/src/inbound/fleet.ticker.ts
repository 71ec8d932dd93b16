import type { Lease, Timer } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { Loop } from '#runtime/loop.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { isTerminal } from '#core/execution/execution.js';
import { ENGINE_LIMITS } from '../orchestrator-limits.js';
import { WAKE, type Committed, type EngineReads, type RawReport } from '../upgrade-asked.runner.js';
import { TIDYING } from '../tidying.runner.js';
import { type UpgradeRunner } from '../upgrade.runner.js';
import { ExecutionTicker } from './execution.ticker.js';
import type { TidyingTicker } from './tidying.ticker.js';

/** What the engine is made of. */
export interface FleetParts {
  readonly store: EngineReads;
  readonly runner: UpgradeRunner;
  readonly leases: Pick<ShardLeases, 'heldNow'>;
  readonly drivers: TargetDrivers;
  readonly clock: Clock;
  readonly log: Log;
  readonly tidying: TidyingTicker;
  readonly dueTimers: (shards: readonly number[], nowMs: number, limit: number) => Promise<Timer[]>;
}

const FIRED_TIMERS: Readonly<Record<string, RawReport>> = {
  BATCH_DELAY: { type: 'BATCH_DELAY_OVER' },
  DEADLINE: { type: 'DEADLINE_PASSED' },
  REMINDER: { type: 'REMINDER_DUE' },
};

/** Drives the targets of all executions whose shards this process owns, and fires their timers. */
export class FleetTicker {
  readonly #tickers = new Map<string, ExecutionTicker>();
  /** Shard → epoch under which its executions have been taken over. */
  readonly #takenOver = new Map<number, number>();
  readonly #takingOver: Loop;
  readonly #dueWork: Loop;
  readonly #ending = new Set<Promise<void>>();
  #isStopping = false;

  constructor(private readonly parts: FleetParts) {
    const failed = (err: unknown, loop: string): void => {
      parts.log.warn({ err, loop }, 'a run failed and will be tried again');
    };
    this.#takingOver = new Loop('take over', () => this.#takeOver(), parts.clock, failed);
    this.#dueWork = new Loop('due work', () => this.#handOutDueWork(), parts.clock, failed);
  }

  /** How many executions are driven from here at the moment. */
  get driven(): number {
    return this.#tickers.size;
  }

  start(): void {
    this.#takingOver.start();
    this.#dueWork.start();
  }

  /** Leases changed: take over what was gained, drop what was lost. */
  leasesChanged(): void {
    this.#takingOver.wake();
    this.#dueWork.wake();
  }

  /** Another replica changed these; empty: some may have been missed. A hint only. */
  told(subjects: readonly string[]): void {
    if (subjects.length === 0) for (const ticker of this.#tickers.values()) ticker.doubt();
    for (const id of subjects) (this.#tickers.get(id) ?? this.#begin(id))?.doubt();
  }

  /** A commit of this process. */
  committed(change: Committed): void {
    const { id, status } = change.stored.execution;
    const ticker = this.#tickers.get(id) ?? this.#begin(id);
    ticker?.committed(change);
    if (isTerminal(status)) this.#end(id);
  }

  /** Begins nothing more; resolves when every round under way has ended and is committed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([this.#takingOver.stop(), this.#dueWork.stop()]);
    await this.parts.tidying.stop();
    for (const id of [...this.#tickers.keys()]) this.#end(id);
    await Promise.all(this.#ending);
    await this.parts.runner.idle();
  }

  async #takeOver(): Promise<number> {
    for (const [id, { lease }] of this.#tickers) if (!this.#holds(lease)) this.#end(id);
    // One that comes back, be it at the same epoch, is taken over anew: nobody drives it any more.
    for (const [shard, epoch] of this.#takenOver) {
      if (!this.#holds({ shard, epoch })) this.#takenOver.delete(shard);
    }
    const gained = this.parts.leases
      .heldNow()
      .filter(({ shard, epoch }) => this.#takenOver.get(shard) !== epoch);
    if (gained.length === 0) return ENGINE_LIMITS.takeOverEveryMs;
    const ids = await this.parts.store.activeIn(gained.map(({ shard }) => shard));
    for (const id of ids) if (!this.#tickers.has(id)) this.#begin(id);
    for (const { shard, epoch } of gained) this.#takenOver.set(shard, epoch);
    this.parts.log.info(
      { shards: gained.map(({ shard }) => shard), executions: ids.length },
      'shards taken over',
    );
    return 0;
  }

  async #handOutDueWork(): Promise<number> {
    const { leases, clock, dueTimers } = this.parts;
    const shards = leases.heldNow().map(({ shard }) => shard);
    if (shards.length === 0) return ENGINE_LIMITS.dueWorkEveryMs;
    const due = await dueTimers(shards, clock.nowMs(), ENGINE_LIMITS.dueWorkMax);
    const woken = due.filter(({ kind }) => kind === WAKE).map(({ subject }) => subject);
    // First of all: one timer that cannot be fired must not keep everybody else asleep.
    if (woken.length > 0) {
      this.told(woken);
      await this.parts.runner.disarmWakes(woken);
    }
    await Promise.all(due.filter(({ kind }) => kind !== WAKE).map((timer) => this.#fire(timer)));
    return due.length === ENGINE_LIMITS.dueWorkMax ? 0 : ENGINE_LIMITS.dueWorkEveryMs;
  }

  async #fire({ subject: executionId, kind, shard }: Timer): Promise<void> {
    const lease = this.#leaseOf(shard);
    const tidying = TIDYING.find((it) => it === kind);
    if (tidying !== undefined) {
      if (lease !== undefined) this.parts.tidying.tidy(executionId, tidying, lease);
      return;
    }
    const input = FIRED_TIMERS[kind];
    if (input === undefined) throw new Error(`no report belongs to a timer ${kind}`);
    if (lease !== undefined) await this.parts.runner.report({ executionId, lease, input });
  }

  #begin(id: string): ExecutionTicker | null {
    const lease = this.#leaseOf(shardOf(id, SHARDS));
    if (lease === undefined || this.#isStopping) return null;
    const holds = (held: Lease): boolean => this.#holds(held);
    const over = (ended: ExecutionTicker): void => {
      if (this.#tickers.get(id) === ended) this.#end(id);
    };
    const ticker = new ExecutionTicker(id, lease, { ...this.parts, holds, over });
    this.#tickers.set(id, ticker);
    ticker.start();
    return ticker;
  }

  #end(id: string): void {
    const ticker = this.#tickers.get(id);
    if (ticker === undefined) return;
    this.#tickers.delete(id);
    const ended = ticker.stop().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #holds(lease: Lease): boolean {
    return this.#leaseOf(lease.shard)?.epoch === lease.epoch;
  }

  #leaseOf(shard: number): Lease | undefined {
    return this.parts.leases.heldNow().find((lease) => lease.shard === shard);
  }
}
