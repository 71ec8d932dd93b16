/** Whoever means ill, from a seed: strikes now and then, and at moments that hurt. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import type { SeededRandom } from '#testing/seeded-random.js';
import type { ServiceName } from '../../tools/product/product.js';
import { drawBlow, type BlowKind, type BlowParts, type DrawnBlow } from './blows.js';
import { Deck } from './deck.js';
import type { HistoryFile } from './history.js';

/** Where nothing is heard for so long a planned blow waits no longer. */
const STANDSTILL_LIMIT_MS = 8_000;

export interface NemesisPlan {
  /** Mean time between two blows. */
  readonly everyMs: number;
  /** These, each once in their order, and then no more; left out: dealt for as long as it takes. */
  readonly blows?: readonly BlowKind[];
  /** How often it strikes at a moment that hurts, of those there are. */
  readonly atMoments: number;
}

/** After one blow at a moment the next may come so soon. */
const MOMENT_PAUSE_MS = 1_500;
/** A server that was away is left alone for so long, or nothing would ever get on. */
const SERVER_PAUSE_MS = 12_000;

export class Nemesis {
  readonly #blows: SeededRandom;
  readonly #moments: SeededRandom;
  /** What is held by blows that have not ended. */
  readonly #held = new Set<string>();
  readonly #ends = new Set<Promise<void>>();
  readonly #healing = new AbortController();
  readonly #counts = new Map<string, number>();
  #struck = 0;
  /** Events, of whatever kind. */
  #heard = 0;
  /** Of each execution, the instances that are under way. */
  readonly #underWay = new Map<string, Set<string>>();
  #latest = '';
  #isRaging = false;
  #lastMomentMs = -Infinity;
  #serverWasAwayMs = -Infinity;

  constructor(
    private readonly parts: BlowParts,
    private readonly plan: NemesisPlan,
    private readonly history: HistoryFile,
    random: SeededRandom,
  ) {
    this.#blows = random.fork();
    this.#moments = random.fork();
  }

  /** How often it has struck, by kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** The blow it struck last, in a few words. */
  get latest(): string {
    return this.#latest;
  }

  /** Strikes until it is over, or until all that is planned has been struck. */
  async rage(over: AbortSignal): Promise<void> {
    this.#isRaging = true;
    const planned = this.plan.blows && [...this.plan.blows];
    const deck = new Deck(this.#blows.fork());
    for (;;) {
      const random = this.#blows.fork();
      const pauseMs = -Math.log(1 - random.next()) * this.plan.everyMs;
      await sleep(pauseMs, undefined, { signal: over }).catch(() => undefined);
      const kind = planned?.shift();
      if (over.aborted || (planned !== undefined && kind === undefined)) break;
      const blow =
        kind === undefined
          ? deck.deal((one) => this.#drawnIfFree(one, random.fork()))
          : await this.#whenFree(drawBlow(kind, random, this.parts), over);
      if (blow !== undefined) await this.#strike(blow);
    }
    this.#isRaging = false;
  }

  #drawnIfFree(kind: BlowKind, random: SeededRandom): DrawnBlow | undefined {
    const blow = drawBlow(kind, random, this.parts);
    return this.#isFree(blow) ? blow : undefined;
  }

  /** Strikes as the event is heard, when it tells of a moment that hurts. */
  readonly hear = (event: ProgressEvent): void => {
    this.#heard += 1;
    const of = this.#hasSettledBatch(event) ? 'orchestrator' : whomItHurts(event);
    if (of === undefined || !this.#isRaging) return;
    const random = this.#moments.fork();
    const nowMs = performance.now();
    if (!random.chance(this.plan.atMoments)) return;
    const isKilling = this.plan.blows?.every((kind) => kind === 'KILL') ?? false;
    const kind = isKilling || random.chance(0.6) ? 'KILL' : 'FREEZE';
    const blow = drawBlow(kind, random, this.parts, of);
    if (nowMs - this.#lastMomentMs < MOMENT_PAUSE_MS || !this.#isFree(blow)) return;
    this.#lastMomentMs = nowMs;
    void this.#strike(blow);
  };

  /** Whether with this instance nothing of its execution is under way any more. */
  #hasSettledBatch({ data }: ProgressEvent): boolean {
    if (!('instanceId' in data)) return false;
    const { executionId, instanceId, instanceStatus } = data;
    const underWay = this.#underWay.get(executionId) ?? new Set();
    this.#underWay.set(executionId, underWay);
    if (UNDER_WAY.includes(instanceStatus)) underWay.add(instanceId);
    else underWay.delete(instanceId);
    return instanceStatus === 'COMPLETED' && underWay.size === 0;
  }

  /** Ends all blows now; returns when each has ended. */
  async heal(): Promise<void> {
    this.#isRaging = false;
    this.#healing.abort();
    await Promise.all(this.#ends);
  }

  /**
   * A planned blow waits for its turn, and for a moment in which something goes on: where nothing
   * does it would only hit what is just starting again.
   */
  async #whenFree(blow: DrawnBlow, over: AbortSignal): Promise<DrawnBlow | undefined> {
    const endMs = performance.now() + STANDSTILL_LIMIT_MS;
    const heard = this.#heard;
    while (!over.aborted) {
      const goesOn = this.#heard > heard || performance.now() > endMs;
      if (goesOn && this.#isFree(blow)) return blow;
      await sleep(50);
    }
    return undefined;
  }

  #isFree({ holds, forMs, isThere }: DrawnBlow): boolean {
    // Who is dead already, and not back yet, cannot be struck: it would count all the same.
    if (isThere?.() === false) return false;
    if (this.#held.has(holds) || this.#held.has('all')) return false;
    if (holds === 'all') return this.#held.size === 0;
    const isAway = holds === 'server' && forMs > 0;
    if (!isAway || this.plan.blows !== undefined) return true;
    return performance.now() - this.#serverWasAwayMs > SERVER_PAUSE_MS;
  }

  async #strike({ what, on, holds, forMs, begin, end }: DrawnBlow): Promise<void> {
    this.#struck += 1;
    const blow = this.#struck;
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    this.#held.add(holds);
    this.#latest = `${what} ${on}`;
    this.history.add({ kind: 'BLOW', blow, what, on, phase: 'BEGINS' });
    // What cannot be struck just now, because something else is away, is not struck.
    await begin().catch(() => undefined);
    const { signal } = this.#healing;
    const ending = sleep(forMs, undefined, { signal })
      .catch(() => undefined)
      .then(end)
      .finally(() => {
        this.#held.delete(holds);
        if (holds === 'server') this.#serverWasAwayMs = performance.now();
        this.history.add({ kind: 'BLOW', blow, what, on, phase: 'ENDS' });
      });
    this.#ends.add(ending);
    ending.then(
      () => this.#ends.delete(ending),
      () => undefined,
    );
  }
}

const MOMENTS: Readonly<Record<string, ServiceName>> = {
  VALIDATING: 'validator',
  CANARY_MONITORING: 'canary-monitor',
  ROLLING_BACK: 'rollback-agent',
  PAUSED: 'orchestrator',
  SET_CREATED: 'orchestrator',
  SET_SWITCHED: 'orchestrator',
  STOPPING: 'orchestrator',
  RETRY_ROUND: 'orchestrator',
};

const UNDER_WAY: readonly string[] = ['DRAINING', 'UPGRADING', 'HEALTH_CHECKING'];

/** Whose death would hurt most just now; undefined: it is a moment like any other. */
function whomItHurts({ data }: ProgressEvent): ServiceName | undefined {
  if ('previousStatus' in data) return MOMENTS[data.executionStatus];
  if ('note' in data) return MOMENTS[data.note];
  return undefined;
}
