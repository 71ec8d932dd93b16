import type { Clock } from '#runtime/clock.js';
import { carryOut } from '#targets/examination.probe.js';
import { LIST_PAGE_MAX } from '#targets/target-limits.js';
import type { TargetDriver } from '#targets/target.driver.js';
import { TargetProbe, type TargetSight } from '#targets/target.probe.js';
import { PREVIEW_LIMITS } from '#core/limits.js';
import type { Examination, SeenFleetInstance, TargetView } from '../target-desk.js';

type Want = Extract<Examination, { judgement: null }>['want'];
type Page = Extract<TargetSight, { want: 'LISTING' }>;

/** It would have to be looked at for longer than a request may take. */
class NotLookedAt extends Error {
  override readonly name = 'NotLookedAt';
}

/** Looks at one target for one preview: at each page of its instances once, and not at too many. */
export class PreviewProbe {
  readonly #target: TargetProbe;
  /** By the cursor they begin at. */
  readonly #pages = new Map<string | null, Promise<Page>>();
  readonly #over = new AbortController();

  constructor(
    driver: TargetDriver,
    private readonly clock: Clock,
  ) {
    this.#target = new TargetProbe(driver, clock);
  }

  /** Carries the checks out side by side, and lists the instances; never longer than the limit. */
  async look(checks: readonly Examination[]): Promise<TargetView> {
    const answered = new AbortController();
    void this.clock.sleep(PREVIEW_LIMITS.looksTimeoutMs, answered.signal).then(() => {
      this.#over.abort();
    });
    const [instances, ...examined] = await Promise.all([
      this.#instances(),
      ...checks.map((check) => this.#examine(check)),
    ]);
    answered.abort();
    return { instances, examined };
  }

  async #examine(check: Examination): Promise<TargetView['examined'][number]> {
    const startedMs = this.clock.nowMs();
    const looking = { see: (want: Want) => this.#see(want), clock: this.clock };
    const examined = await carryOut(check, looking, this.#over.signal);
    return { ...examined, durationMs: this.clock.nowMs() - startedMs };
  }

  async #see(want: Want): Promise<TargetSight> {
    switch (want.want) {
      case 'PAGE':
      case 'CALL':
        throw new NotLookedAt('what follows an upgrade cannot be looked at before it');
      case 'LISTING':
        return this.#page(want.cursor);
      default:
        return this.#target.see(want, this.#over.signal);
    }
  }

  #page(cursor: string | null): Promise<Page> {
    const known = this.#pages.get(cursor);
    if (known !== undefined) return known;
    if (this.#pages.size >= PREVIEW_LIMITS.pagesMax) {
      const most = String(PREVIEW_LIMITS.pagesMax * LIST_PAGE_MAX);
      const why = `a preview looks at ${most} instances at most, the upgrade itself at all`;
      return Promise.reject(new NotLookedAt(why));
    }
    const want = { want: 'LISTING', cursor } as const;
    const asked = this.#target.see(want, this.#over.signal) as Promise<Page>;
    const page = asked.catch((error: unknown) => {
      // Whoever needs it may ask again.
      this.#pages.delete(cursor);
      throw error;
    });
    this.#pages.set(cursor, page);
    return page;
  }

  /** All instances; null when they are too many, or were not listed in time. */
  async #instances(): Promise<SeenFleetInstance[] | null> {
    const isOver = new Promise<null>((resolve) => {
      this.#over.signal.addEventListener('abort', () => {
        resolve(null);
      });
    });
    return Promise.race([this.#listed().catch(() => null), isOver]);
  }

  async #listed(): Promise<SeenFleetInstance[]> {
    const listed: SeenFleetInstance[] = [];
    for (let cursor: string | null = null; ;) {
      const page: Page = await this.#page(cursor);
      for (const { id, version, admitted, healthy } of page.instances) {
        listed.push({ id, version, isDown: !(admitted && healthy) });
      }
      if (page.nextCursor === null) return listed;
      cursor = page.nextCursor;
    }
  }
}
