import { TransientDatabaseError } from './service-database.js';

/** `shared` goes with `shared`; `exclusive` with nothing. */
export type LockMode = 'shared' | 'exclusive';

interface Waiter {
  holder: object;
  mode: LockMode;
  grant: () => void;
  refuse: (error: Error) => void;
}

interface Lock {
  holders: Map<object, LockMode>;
  queue: Waiter[];
}

/**
 * Row locks as Postgres has them: held to the end of the transaction, waited for in the order of
 * asking, and a wait that would never end is refused to the one who closes the circle.
 */
export class MemoryLocks {
  private readonly locks = new Map<string, Lock>();
  private readonly waitsFor = new Map<object, { resource: string; sinceMs: number }>();
  private readonly touched = new Map<object, Set<string>>();

  constructor(private readonly nowMs: () => number) {}

  /** How many transactions wait for another one. */
  get waiting(): number {
    return this.waitsFor.size;
  }

  isWaiting(holder: object): boolean {
    return this.waitsFor.has(holder);
  }

  /** Takes the lock when that needs no waiting; says whether it did. */
  tryTake(resource: string, holder: object, mode: LockMode): boolean {
    const lock = this.lockOn(resource);
    this.touch(resource, holder);
    const mine = lock.holders.get(holder);
    if (mine === 'exclusive' || mine === mode) return true;
    if (blockers(lock.holders, holder, mode).length > 0) return false;
    lock.holders.set(holder, mode);
    return true;
  }

  /** Whether nobody holds it: for statements that pass over what is locked. */
  isFree(resource: string): boolean {
    return (this.locks.get(resource)?.holders.size ?? 0) === 0;
  }

  /** Takes the lock, waiting for its turn. Throws `TransientDatabaseError` on a deadlock. */
  async take(resource: string, holder: object, mode: LockMode): Promise<void> {
    if (this.tryTake(resource, holder, mode)) return;
    if (this.closesCircle(resource, holder)) {
      throw new TransientDatabaseError(`deadlock detected at ${resource}`);
    }
    this.waitsFor.set(holder, { resource, sinceMs: this.nowMs() });
    await new Promise<void>((grant, refuse) => {
      this.lockOn(resource).queue.push({ holder, mode, grant, refuse });
    });
  }

  /** Ends the waits that have lasted longer than this, with `TransientDatabaseError`. */
  refuseAfter(limitMs: number): void {
    const nowMs = this.nowMs();
    for (const [holder, { resource, sinceMs }] of this.waitsFor) {
      if (nowMs - sinceMs <= limitMs) continue;
      this.refuse(holder, new TransientDatabaseError(`lock timeout at ${resource}`));
    }
  }

  /** Ends the wait of this one, if it waits, with the error. */
  refuse(holder: object, error: TransientDatabaseError): void {
    const waited = this.waitsFor.get(holder);
    if (waited === undefined) return;
    const lock = this.lockOn(waited.resource);
    const waiter = lock.queue.find((one) => one.holder === holder);
    lock.queue = lock.queue.filter((one) => one !== waiter);
    this.waitsFor.delete(holder);
    waiter?.refuse(error);
    this.grantNext(lock);
  }

  /** Frees all that the holder has, and takes back what it waits for: that wait never ends. */
  free(holder: object): void {
    this.waitsFor.delete(holder);
    for (const resource of this.touched.get(holder) ?? []) {
      const lock = this.lockOn(resource);
      lock.holders.delete(holder);
      lock.queue = lock.queue.filter((waiter) => waiter.holder !== holder);
      this.grantNext(lock);
      if (lock.holders.size === 0 && lock.queue.length === 0) this.locks.delete(resource);
    }
    this.touched.delete(holder);
  }

  private grantNext(lock: Lock): void {
    for (let next = lock.queue[0]; next; next = lock.queue[0]) {
      if (blockers(lock.holders, next.holder, next.mode).length > 0) return;
      lock.queue.shift();
      lock.holders.set(next.holder, next.mode);
      this.waitsFor.delete(next.holder);
      next.grant();
    }
  }

  // Follows who waits for whom from the holders of `resource`; arriving at `asker` is a circle.
  private closesCircle(resource: string, asker: object): boolean {
    const seen = new Set<object>();
    const next = [...this.aheadOf(resource, asker)];
    for (let one = next.pop(); one; one = next.pop()) {
      if (one === asker) return true;
      if (seen.has(one)) continue;
      seen.add(one);
      const waited = this.waitsFor.get(one);
      if (waited !== undefined) next.push(...this.aheadOf(waited.resource, one));
    }
    return false;
  }

  private aheadOf(resource: string, waiting: object): object[] {
    const { holders, queue } = this.lockOn(resource);
    const place = queue.findIndex(({ holder }) => holder === waiting);
    const earlier = place === -1 ? queue : queue.slice(0, place);
    const ahead = [...holders.keys(), ...earlier.map(({ holder }) => holder)];
    return ahead.filter((holder) => holder !== waiting);
  }

  private touch(resource: string, holder: object): void {
    const resources = this.touched.get(holder);
    if (resources) resources.add(resource);
    else this.touched.set(holder, new Set([resource]));
  }

  private lockOn(resource: string): Lock {
    let lock = this.locks.get(resource);
    if (!lock) this.locks.set(resource, (lock = { holders: new Map(), queue: [] }));
    return lock;
  }
}

function blockers(holders: Map<object, LockMode>, asker: object, mode: LockMode): object[] {
  return [...holders]
    .filter(([holder, held]) => holder !== asker && (mode === 'exclusive' || held === 'exclusive'))
    .map(([holder]) => holder);
}
