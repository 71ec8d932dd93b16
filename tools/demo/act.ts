/** One upgrade of a demonstration: asked for by REST, watched on Kafka, with people who act in it. */
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionAnswer, RegistryApi } from '../product/registry-api.js';
import { DEMO_UNAVAILABLE_PERCENTAGE, upgradeRequest } from '../product/upgrade-request.js';
import type { Stage } from './demonstration.js';
import { clockMs, type Load } from './load.js';
import { noticeOf } from './notice.js';
import type { Act, Found, Owed } from './summary.js';
import type { Moment } from './table.js';
import { hasEnded, newView, seen, type UpgradeView } from './upgrade-view.js';

const REFRESH_MS = 100;
/** How often REST is asked for what no event tells. */
const ASK_EVERY_MS = 400;
/** What takes a second or two in an upgrade of the demo may take longer on a busy machine. */
const WAIT_LIMIT_MS = 90_000;
const OPERATOR = 'newcomer';

export interface Script {
  readonly from: string;
  readonly to: string;
  /** Fields of the request, beside those of the example. */
  readonly asked?: Readonly<Record<string, unknown>>;
  /** The ended execution whose moves this one takes back, in place of a request. */
  readonly reverts?: string;
  readonly owed: Partial<Owed> & Pick<Owed, 'status'>;
  /** What people do in it, beginning when it has been started. */
  readonly people?: (scene: Scene) => Promise<Found>;
}

/** An upgrade under way, as those who act in it have it before them. */
export interface Scene {
  readonly id: string;
  readonly load: Load;
  /** When it was asked to start, in ms since 1970. */
  readonly startedAtMs: number;
  api(actor: string): RegistryApi;
  say(text: string): void;
  view(): UpgradeView;
  /** Waits for the events to tell it; rejects when it ends without, or past a limit. */
  until(what: string, holds: (view: UpgradeView) => boolean): Promise<void>;
}

/** Plays one upgrade to its end; rejects when it does not come to one. */
export async function play(stage: Stage, load: Load, script: Script): Promise<Act> {
  const before = load.read();
  const beganMs = performance.now();
  const id = await create(stage, script);
  const room = stage.watchRoom();
  const running = new RunningAct(stage, load, { id, beganMs, script });
  try {
    await stage.api(OPERATOR).post(`upgrades/${id}/start`);
    const found = await running.toItsEnd(script.people);
    const after = load.read();
    return {
      view: running.view(),
      owed: owedBy(script, stage.instanceIds.length),
      durationMs: performance.now() - beganMs,
      served: after.served - before.served,
      dropped: after.dropped - before.dropped,
      errors: after.errors - before.errors,
      room: await room.stop(),
      found,
    };
  } finally {
    running.close();
    await room.stop();
  }
}

async function create(stage: Stage, { from, to, asked, reverts }: Script): Promise<string> {
  const { fleet } = stage;
  const api = stage.api(OPERATOR);
  const body = { ...upgradeRequest(fleet, from, to), ...asked };
  const { id } =
    reverts === undefined
      ? await api.post<ExecutionAnswer>(`tenants/${fleet.tenantId}/upgrades`, body)
      : await api.post<ExecutionAnswer>(`upgrades/${reverts}/revert`);
  return id;
}

function owedBy({ asked = {}, owed }: Script, instances: number): Owed {
  const asksFor = asked['maxUnavailablePercentage'] ?? DEMO_UNAVAILABLE_PERCENTAGE;
  const room = Math.max(1, Math.floor((instances * Number(asksFor)) / 100));
  return { mostDown: room, mayErr: false, mayDrop: false, ...owed };
}

const NOTHING: Found = { lines: [], problems: [] };

class RunningAct implements Scene {
  readonly id: string;
  readonly startedAtMs = clockMs();
  #view: UpgradeView;
  #notice = '';
  #wake: (() => void)[] = [];
  readonly #unfollow: () => void;
  readonly #refresh: NodeJS.Timeout;
  readonly #closed = new AbortController();

  constructor(
    private readonly stage: Stage,
    readonly load: Load,
    private readonly begun: { id: string; beganMs: number; script: Script },
  ) {
    const { id, script } = begun;
    this.id = id;
    const isNewSet = script.asked?.['strategy'] === 'BLUE_GREEN' || script.reverts !== undefined;
    this.#view = newView(id, script, isNewSet ? [] : stage.instanceIds);
    this.#unfollow = stage.events.follow(id, (event) => {
      const { lastSequence } = this.#view;
      this.#view = seen(this.#view, event);
      if (this.#view.lastSequence > lastSequence) stage.screen.step(event, this.#moment());
      for (const wake of this.#wake.splice(0)) wake();
    });
    this.#refresh = setInterval(() => {
      stage.screen.refresh(this.#moment());
    }, REFRESH_MS);
    void this.#ask();
  }

  api(actor: string): RegistryApi {
    return this.stage.api(actor);
  }

  say(text: string): void {
    this.stage.screen.say(text);
  }

  view(): UpgradeView {
    return this.#view;
  }

  async until(what: string, holds: (view: UpgradeView) => boolean): Promise<void> {
    const limit = AbortSignal.timeout(WAIT_LIMIT_MS);
    const any = AbortSignal.any([this.stage.interrupted, limit]);
    const over = any.aborted ? Promise.resolve() : once(any, 'abort');
    while (!holds(this.#view)) {
      const { from, to } = this.begun.script;
      const name = `the upgrade ${from} → ${to}`;
      if (this.stage.interrupted.aborted) throw new Error('interrupted');
      if (limit.aborted) {
        throw new Error(`${name} is ${this.#view.status}; not within a minute and a half: ${what}`);
      }
      if (hasEnded(this.#view)) throw new Error(`${name} ended ${this.#view.status}; not: ${what}`);
      const changed = new Promise<void>((wake) => this.#wake.push(wake));
      await Promise.race([changed, over]);
    }
  }

  /** What people do in it, and its end: whichever fails first is the reason. */
  async toItsEnd(people: Script['people']): Promise<Found> {
    const acted = people?.(this) ?? Promise.resolve(NOTHING);
    const [found] = await Promise.all([acted, this.until('it has ended', hasEnded)]);
    return found;
  }

  close(): void {
    clearInterval(this.#refresh);
    this.#closed.abort();
    this.#unfollow();
    this.stage.screen.settle(this.#moment());
  }

  #moment(): Moment {
    const elapsedMs = performance.now() - this.begun.beganMs;
    return { view: this.#view, load: this.load.read(), elapsedMs, notice: this.#notice };
  }

  /** Asks REST what no event tells, until the act is over. */
  async #ask(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      const notice = await this.#asked();
      const isNews = notice !== this.#notice;
      this.#notice = notice;
      if (isNews && notice !== '') this.stage.screen.notice(this.#moment());
      await pause(ASK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #asked(): Promise<string> {
    try {
      const answer = await this.api(OPERATOR).get<ExecutionAnswer>(`upgrades/${this.id}`);
      // What it says may be over by the time it is here.
      return this.#closed.signal.aborted ? '' : noticeOf(answer);
    } catch {
      return '';
    }
  }
}
