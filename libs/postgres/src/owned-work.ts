import type { Clock } from '#runtime/clock.js';
import { Loop } from '#runtime/loop.js';
import { StaleEpochError, type Lease } from './service-database.js';
import type { ShardLeases } from './shard-leases.js';

/** A piece of work that its shard's owner drives until it is over. */
export interface OwnedKey {
  /** Unique; the same for the same work for ever. */
  readonly id: string;
  /** The UUID by which others tell of changes. */
  readonly subject: string;
  readonly shard: number;
}

/** What drives one piece of work under one lease. Built anew, from rows, by each owner. */
export interface Drive {
  /** One turn; resolves to the pause before the next in ms, or OVER: never again. */
  turn(): Promise<number | 'OVER'>;
  /** Cuts short what a turn may be waiting for. What was committed stays, the rest is lost. */
  abandon(): void;
}

export interface OwnedWorkParts<Key extends OwnedKey> {
  readonly leases: Pick<ShardLeases, 'heldNow'>;
  /** Work of these shards that is not over, at most `limit`. */
  readonly find: (shards: readonly number[], limit: number) => Promise<readonly Key[]>;
  /** `wake` cuts the pause between two turns short. */
  readonly open: (key: Key, lease: Lease, wake: () => void) => Drive;
  readonly clock: Clock;
  /** Told of every failed turn, which is taken again; must not throw. */
  readonly onError: (error: unknown, loop: string) => void;
}

/** How often an owner looks for work that came without a word (lost notifications, takeovers). */
const LOOK_EVERY_MS = 200;
/** Whoever was overtaken asks nobody for so long: by its next renewal it knows. */
const OVERTAKEN_PAUSE_MS = 1_000;
/** Pieces of work driven by one replica at once; the others wait in their rows. */
const DRIVEN_MAX = 10_000;

interface Driven {
  readonly lease: Lease;
  readonly drive: Drive;
  readonly loop: Loop;
  readonly subject: string;
}

/**
 * Drives all work in the shards this replica holds: begins what its rows show, a loop for each, so
 * that a slow target delays nobody else's; and drops what is over, or another replica's by now.
 */
export class OwnedWork<Key extends OwnedKey> {
  readonly #parts: OwnedWorkParts<Key>;
  readonly #driven = new Map<string, Driven>();
  readonly #ending = new Set<Promise<void>>();
  readonly #looking: Loop;
  #stopped = false;

  constructor(name: string, parts: OwnedWorkParts<Key>) {
    this.#parts = parts;
    this.#looking = new Loop(name, () => this.#look(), parts.clock, parts.onError);
  }

  /** How many pieces are driven at the moment. */
  get size(): number {
    return this.#driven.size;
  }

  start(): void {
    this.#looking.start();
  }

  /** Leases changed, or somebody told of changes: of these subjects; none named: of any. */
  wake(subjects: readonly string[] = []): void {
    const named = new Set(subjects);
    for (const { subject, loop } of this.#driven.values()) if (named.has(subject)) loop.wake();
    this.#looking.wake();
  }

  /** Begins nothing more, and resolves when the turns under way are over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking.stop();
    for (const id of [...this.#driven.keys()]) this.#drop(id);
    await Promise.all(this.#ending);
  }

  async #look(): Promise<number> {
    const held = new Map(this.#parts.leases.heldNow().map((lease) => [lease.shard, lease]));
    for (const [id, { lease }] of this.#driven) {
      // Another epoch of the same shard is another ownership: somebody may have been in between.
      if (held.get(lease.shard)?.epoch !== lease.epoch) this.#drop(id);
    }
    const before = [...this.#driven.keys()];
    const found = held.size === 0 ? [] : await this.#parts.find([...held.keys()], DRIVEN_MAX);
    const isOver = notIn(found);
    // Somebody else ended it: a newer question, say. Only a whole answer proves that.
    if (found.length < DRIVEN_MAX) for (const id of before.filter(isOver)) this.#drop(id);
    for (const key of found) {
      const lease = held.get(key.shard);
      const isFull = this.#driven.size >= DRIVEN_MAX;
      if (lease !== undefined && !isFull && !this.#driven.has(key.id)) this.#begin(key, lease);
    }
    return LOOK_EVERY_MS;
  }

  #begin(key: Key, lease: Lease): void {
    if (this.#stopped) return;
    const { clock, onError, open } = this.#parts;
    const drive = open(key, lease, () => {
      loop.wake();
    });
    const turn = async (): Promise<number> => {
      const pause = await drive.turn().catch((error: unknown) => {
        // No fault of this turn alone: turns that only ask the target would go well in between.
        if (!(error instanceof StaleEpochError)) throw error;
        onError(error, key.id);
        return OVERTAKEN_PAUSE_MS;
      });
      if (pause !== 'OVER') return pause;
      if (this.#driven.get(key.id)?.drive === drive) this.#drop(key.id);
      return Infinity;
    };
    const loop = new Loop(key.id, turn, clock, onError);
    this.#driven.set(key.id, { lease, drive, loop, subject: key.subject });
    loop.start();
  }

  #drop(id: string): void {
    const driven = this.#driven.get(id);
    if (driven === undefined) return;
    this.#driven.delete(id);
    driven.drive.abandon();
    // Not awaited here: a turn may drop itself, and its loop ends after that turn.
    const ended = driven.loop.stop().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }
}

function notIn(found: readonly OwnedKey[]): (id: string) => boolean {
  const ids = new Set(found.map(({ id }) => id));
  return (id) => !ids.has(id);
}
