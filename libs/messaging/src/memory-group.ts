import type { Clock } from '#runtime/clock.js';
import type { BatchDelivery, BatchHandler } from './batch-delivery.js';
import type { IncomingMessage } from './incoming-message.js';
import type { BusMove, Consuming } from './memory-bus.js';
import { HANDLER_BATCH_MAX, HANDLER_PAUSE_MAX_MS } from './messaging-limits.js';

/** What a member does with what it is given. */
export interface MemberRules {
  readonly delivery: BatchDelivery;
  readonly handler: BatchHandler;
}

/** What a group needs of the bus it belongs to. */
export interface GroupSurroundings {
  readonly logOf: (topic: string) => readonly IncomingMessage[][];
  readonly move: (move: BusMove) => Promise<unknown>;
  readonly clock: Clock;
  /** How long an abandoned member keeps its partitions. */
  readonly sessionTimeoutMs: number;
}

interface Member {
  readonly owner: string;
  readonly topics: ReadonlySet<string>;
  readonly rules: MemberRules;
  /** Aborted when it leaves or is abandoned. */
  readonly leaving: AbortController;
  isAbandoned: boolean;
  /** How often it has been expelled: what it began before counts no more. */
  session: number;
  /** Deliveries that have not ended, also those that count no more. */
  readonly underWay: Set<Promise<void>>;
}

/** One partition as the group sees it. */
interface Share {
  readonly topic: string;
  readonly partition: number;
  /** The next offset for whoever takes the partition over. */
  committed: number;
  /** The next offset for its present member. */
  position: number;
  member: Member | undefined;
  /** The delivery under way; dropped when its member is gone, so that it counts no more. */
  delivery: { readonly member: Member; readonly ended: Promise<void> } | undefined;
}

/** Thrown inside a delivery that must end, and caught by the one that began it. */
class DeliveryEnded extends Error {}

/** A consumer group of the twin: who has which partition, how far it is, what is under way. */
export class MemoryGroup {
  readonly #shares: Share[] = [];
  #members: Member[] = [];

  constructor(private readonly bus: GroupSurroundings) {}

  join(owner: string, topics: readonly string[], rules: MemberRules): Consuming {
    const member: Member = {
      owner,
      topics: new Set(topics),
      rules,
      leaving: new AbortController(),
      isAbandoned: false,
      session: 0,
      underWay: new Set(),
    };
    for (const topic of topics) this.#addShares(topic);
    this.#members.push(member);
    this.pump();
    return { close: () => this.#leave(member) };
  }

  abandon(owner: string): void {
    const dead = this.#members.filter((member) => member.owner === owner);
    for (const member of dead) {
      member.isAbandoned = true;
      member.leaving.abort();
    }
    if (dead.length > 0) void this.#takeOverFrom(dead);
  }

  expel(owner: string): void {
    const silent = this.#members.filter((member) => member.owner === owner && !member.isAbandoned);
    this.#members = this.#members.filter((member) => !silent.includes(member));
    for (const share of this.#shares) {
      if (share.member === undefined || !silent.includes(share.member)) continue;
      share.member = undefined;
      share.delivery = undefined;
    }
    for (const member of silent) {
      member.session += 1;
      void this.#comeBack(member);
    }
    this.pump();
  }

  rewind(): void {
    for (const share of this.#shares) {
      share.committed = 0;
      share.position = 0;
    }
    this.pump();
  }

  lag(): number {
    let lag = 0;
    for (const share of this.#shares) lag += this.#logOf(share).length - share.committed;
    return lag;
  }

  /** Starts whatever can be started: called after everything that may have made it possible. */
  pump(): void {
    for (const share of this.#shares) {
      if (share.delivery !== undefined) continue;
      this.#assign(share);
      const { member } = share;
      if (member === undefined || member.isAbandoned) continue;
      if (share.position < this.#logOf(share).length) this.#begin(share, member);
    }
  }

  async #takeOverFrom(dead: readonly Member[]): Promise<void> {
    if (this.bus.sessionTimeoutMs > 0) await this.bus.clock.sleep(this.bus.sessionTimeoutMs);
    this.#members = this.#members.filter((member) => !dead.includes(member));
    for (const share of this.#shares) {
      if (share.delivery?.member.isAbandoned === true) share.delivery = undefined;
    }
    this.pump();
  }

  /** A member hears that it was expelled when its handlers let go, and joins as a new one would. */
  async #comeBack(member: Member): Promise<void> {
    const { session } = member;
    await Promise.all(member.underWay);
    if (member.leaving.signal.aborted || member.session !== session) return;
    this.#members.push(member);
    this.pump();
  }

  async #leave(member: Member): Promise<void> {
    member.leaving.abort();
    await Promise.all(member.underWay);
    this.#members = this.#members.filter((other) => other !== member);
    this.pump();
  }

  #addShares(topic: string): void {
    if (this.#shares.some((share) => share.topic === topic)) return;
    this.bus.logOf(topic).forEach((_, partition) => {
      this.#shares.push({
        topic,
        partition,
        committed: 0,
        position: 0,
        member: undefined,
        delivery: undefined,
      });
    });
  }

  /** Gives the share to the member it belongs to; a new one begins at what was committed. */
  #assign(share: Share): void {
    const rightful = this.#rightful(share);
    if (rightful === share.member) return;
    share.member = rightful;
    share.position = share.committed;
  }

  #rightful(share: Share): Member | undefined {
    const candidates = this.#members.filter((member) => member.topics.has(share.topic));
    return candidates[share.partition % Math.max(1, candidates.length)];
  }

  #begin(share: Share, member: Member): void {
    // Not in this turn: the hook of the first move may come back in here.
    const ended = Promise.resolve().then(async () => {
      await this.#deliver(share, member);
      member.underWay.delete(ended);
      if (share.delivery?.ended !== ended) return;
      share.delivery = undefined;
      if (!member.leaving.signal.aborted) this.pump();
    });
    share.delivery = { member, ended };
    member.underWay.add(ended);
  }

  async #deliver(share: Share, member: Member): Promise<void> {
    const { session } = member;
    const isCurrent = (): boolean =>
      !member.isAbandoned && member.session === session && share.member === member;
    const about = { owner: member.owner, topics: [share.topic] };
    try {
      await this.bus.move({ kind: 'fetch', phase: 'before', ...about, messages: 0 });
      const start = share.position;
      const messages = this.#logOf(share).slice(start, start + HANDLER_BATCH_MAX);
      await this.bus.move({ kind: 'fetch', phase: 'after', ...about, messages: messages.length });
      await member.rules.delivery.deliver(messages, member.rules.handler, {
        mayGoOn: () => {
          const isOver = member.leaving.signal.aborted || !isCurrent();
          if (isOver || this.#rightful(share) !== member) throw new DeliveryEnded();
        },
        // A rewind meanwhile has moved the position; then what was settled does not count.
        settled: (message) => {
          if (isCurrent() && share.position <= Number(message.offset) && share.position >= start) {
            share.position = Number(message.offset) + 1;
          }
        },
        signal: member.leaving.signal,
      });
    } catch (error) {
      if (!(error instanceof DeliveryEnded)) await this.#pause(member);
    }
    if (isCurrent() && share.position > share.committed) {
      await this.#commit(share, member, isCurrent);
    }
  }

  async #commit(share: Share, member: Member, isCurrent: () => boolean): Promise<void> {
    const { position } = share;
    const move = {
      kind: 'commit',
      owner: member.owner,
      topics: [share.topic],
      messages: position - share.committed,
    } as const;
    try {
      await this.bus.move({ ...move, phase: 'before' });
      if (isCurrent()) share.committed = position;
      await this.bus.move({ ...move, phase: 'after' });
    } catch {
      // A commit that failed is made up for by the next one, as Kafka's is.
      await this.#pause(member);
    }
  }

  #pause(member: Member): Promise<void> {
    return this.bus.clock.sleep(HANDLER_PAUSE_MAX_MS, member.leaving.signal);
  }

  #logOf(share: Share): readonly IncomingMessage[] {
    return this.bus.logOf(share.topic)[share.partition] ?? [];
  }
}
