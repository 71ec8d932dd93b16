import type { Lease, Timer } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { ShardWork } from '#messaging/shard-ticker.js';
import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { isTerminal } from '#core/execution/execution.js';
import type { ExecutionStore } from '../persistence/execution.store.js';
import { WAKE, type Committed, type RawReport, type UpgradeRunner } from '../upgrade.runner.js';
import { ExecutionTicker, type EngineParts } from './execution.ticker.js';

const FIRED_TIMERS: Readonly<Record<string, RawReport>> = {
  BATCH_DELAY: { type: 'BATCH_DELAY_OVER' },
  DEADLINE: { type: 'DEADLINE_PASSED' },
};

/** Drives the targets of all executions whose shards this process owns. */
export class FleetTicker implements ShardWork {
  readonly #tickers = new Map<string, ExecutionTicker>();
  readonly #parts: EngineParts;
  #isStopping = false;

  constructor(
    private readonly store: ExecutionStore,
    private readonly runner: UpgradeRunner,
    private readonly leases: ShardLeases,
    drivers: TargetDrivers,
    around: { readonly clock: Clock; readonly log: Log },
  ) {
    const holds = (lease: Lease): boolean => this.#leaseOf(lease.shard)?.epoch === lease.epoch;
    this.#parts = { store, runner, drivers, holds, ...around };
  }

  /** A commit of this process. */
  committed(change: Committed): void {
    const { id, status } = change.stored.execution;
    const ticker = this.#tickers.get(id) ?? this.#begin(id);
    ticker?.committed(change);
    if (isTerminal(status)) this.#end(id);
  }

  async gained(leases: readonly Lease[]): Promise<void> {
    const ids = await this.store.activeIn(leases.map(({ shard }) => shard));
    for (const id of ids) this.#begin(id);
  }

  lost(leases: readonly Lease[]): void {
    for (const [id, { lease }] of this.#tickers) {
      const isLost = leases.some(({ shard, epoch }) => {
        return shard === lease.shard && epoch === lease.epoch;
      });
      if (isLost) this.#end(id);
    }
  }

  told(subjects: readonly string[]): void {
    if (subjects.length === 0) for (const ticker of this.#tickers.values()) ticker.doubt();
    for (const id of subjects) (this.#tickers.get(id) ?? this.#begin(id))?.doubt();
  }

  async due(timers: readonly Timer[]): Promise<void> {
    const woken = timers.filter(({ kind }) => kind === WAKE).map(({ subject }) => subject);
    const fired = timers.filter(({ kind }) => kind !== WAKE);
    await Promise.all([
      ...fired.map((timer) => this.#fire(timer)),
      woken.length > 0 ? this.runner.disarmWakes(woken) : undefined,
    ]);
    if (woken.length > 0) this.told(woken);
  }

  /** Ends every round under way; what the targets say from here on is the next owner's. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#tickers.values()].map((ticker) => ticker.stop()));
    await this.runner.idle();
  }

  async #fire({ subject: executionId, kind, shard }: Timer): Promise<void> {
    const lease = this.#leaseOf(shard);
    const input = FIRED_TIMERS[kind];
    if (input === undefined) throw new Error(`no report belongs to a timer ${kind}`);
    if (lease !== undefined) await this.runner.report({ executionId, lease, input });
  }

  #begin(id: string): ExecutionTicker | null {
    const lease = this.#leaseOf(shardOf(id, SHARDS));
    if (lease === undefined || this.#isStopping) return null;
    const ticker = new ExecutionTicker(id, lease, this.#parts);
    this.#tickers.set(id, ticker);
    ticker.start();
    return ticker;
  }

  #end(id: string): void {
    const ticker = this.#tickers.get(id);
    this.#tickers.delete(id);
    void ticker?.stop();
  }

  #leaseOf(shard: number): Lease | undefined {
    return this.leases.heldNow().find((lease) => lease.shard === shard);
  }
}
