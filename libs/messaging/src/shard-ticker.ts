import { LEASE_RENEW_MS } from '#postgres/postgres-limits.js';
import type { Lease, Timer } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import { Loop } from '#runtime/loop.js';
import type { Log } from '#runtime/log.js';
import { DUE_WORK_MAX, DUE_WORK_POLL_MS, RELAY_POLL_MS } from './messaging-limits.js';
import type { OutboxRelay } from './outbox-relay.js';

/** What a service does for the shards it owns. */
export interface ShardWork {
  /** Newly owned shards: rebuild from rows and targets. Rejected, it is asked again. */
  gained(leases: readonly Lease[]): Promise<void>;
  /** No longer owned: stop at once. */
  lost(leases: readonly Lease[]): void;
  /** Timers of owned shards that are due. The decision disarms or re-arms each of them. */
  due(timers: readonly Timer[]): Promise<void>;
  /** Another replica changed these; empty: some may have been missed. A hint only. */
  told(subjects: readonly string[]): void;
}

/** What of the database the loops need. */
export interface ShardRows {
  dueTimers(shards: readonly number[], nowMs: number, limit: number): Promise<Timer[]>;
  listen(onTold: (subjects: string[]) => void): Promise<() => Promise<void>>;
}

/**
 * The loops every service has: it renews its leases, hands out due work, and relays its outbox.
 * Relay and engine of a shard live with its owner, so all three follow the same leases.
 */
export class ShardTicker {
  readonly #leasing: Loop;
  readonly #dueWork: Loop;
  readonly #relaying: Loop;
  /** Gained, but not yet taken over without an error. */
  #toTakeOver: Lease[] = [];
  #stopListening: (() => Promise<void>) | undefined;

  constructor(
    private readonly rows: ShardRows,
    private readonly leases: ShardLeases,
    private readonly relay: OutboxRelay,
    private readonly work: ShardWork,
    private readonly around: { readonly clock: Clock; readonly log: Log },
  ) {
    const { clock, log } = around;
    const failed = (err: unknown, loop: string): void => {
      log.warn({ err, loop }, 'a run failed and will be tried again');
    };
    this.#leasing = new Loop('leases', () => this.#renew(), clock, failed);
    this.#dueWork = new Loop('due-work', () => this.#handOutDueWork(), clock, failed);
    this.#relaying = new Loop('relay', () => this.#relay(), clock, failed);
  }

  async start(): Promise<void> {
    this.#stopListening = await this.rows.listen((subjects) => {
      this.work.told(subjects);
      this.#dueWork.wake();
      this.#relaying.wake();
    });
    for (const loop of [this.#leasing, this.#dueWork, this.#relaying]) loop.start();
  }

  /** After a commit of this process: there is something to relay. */
  wakeRelay(): void {
    this.#relaying.wake();
  }

  /** Ends due work and notifications: nothing new is begun. */
  async stopTaking(): Promise<void> {
    await Promise.all([this.#dueWork.stop(), this.#stopListening?.()]);
  }

  /** Sends what is left in the outbox, then ends the relay. */
  async flush(): Promise<void> {
    await this.#relaying.stop();
    await this.relay.relayOnce();
  }

  /** Gives the shards back: the next owner takes over at once. */
  async release(): Promise<void> {
    await this.#leasing.stop();
    await this.leases.release();
  }

  async #renew(): Promise<number> {
    const { gained, lost, held, othersRunOutInMs } = await this.leases.renew();
    if (lost.length > 0) this.work.lost(lost);
    const isHeld = ({ shard, epoch }: Lease): boolean =>
      held.some((lease) => lease.shard === shard && lease.epoch === epoch);
    this.#toTakeOver = [...this.#toTakeOver, ...gained].filter(isHeld);
    if (this.#toTakeOver.length > 0) {
      const taking = this.#toTakeOver;
      // Not awaited: taking over many executions must not keep the lease from being renewed.
      this.#toTakeOver = [];
      this.#takeOver(taking);
    }
    return Math.min(LEASE_RENEW_MS, othersRunOutInMs ?? LEASE_RENEW_MS);
  }

  #takeOver(leases: readonly Lease[]): void {
    this.around.log.info({ shards: leases.map(({ shard }) => shard) }, 'shards taken over');
    this.work.gained(leases).then(
      () => {
        this.#dueWork.wake();
        this.#relaying.wake();
      },
      (err: unknown) => {
        this.around.log.warn({ err }, 'taking over failed and will be tried again');
        this.#toTakeOver.push(...leases);
      },
    );
  }

  async #handOutDueWork(): Promise<number> {
    const shards = this.leases.heldNow().map(({ shard }) => shard);
    if (shards.length === 0) return DUE_WORK_POLL_MS;
    const due = await this.rows.dueTimers(shards, this.around.clock.nowMs(), DUE_WORK_MAX);
    if (due.length > 0) await this.work.due(due);
    return due.length === DUE_WORK_MAX ? 0 : DUE_WORK_POLL_MS;
  }

  #relay(): Promise<number> {
    return this.leases.heldNow().length === 0 ? Promise.resolve(RELAY_POLL_MS) : this.relay.work();
  }
}
