/** Who asks the orchestrator for something, as a client of its API would. */
import type { Clock } from '#runtime/clock.js';
import type { Action } from '#core/execution/execution-inputs.js';
import type { SeededRandom } from '#testing/seeded-random.js';
import type { CreateExecution } from '../../apps/orchestrator/src/create-execution.js';
import type { UpgradeAsked } from '../../apps/orchestrator/src/upgrade-creation.runner.js';
import { slowness, type FaultRates } from './fault-plan.js';
import type { Watch } from './invariants/invariant.js';
import type { Desk } from './supervisor.js';

const PATIENCE_MS = 5_000;
const PAUSE_MS = 300;

export interface PeopleParts {
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** What may befall a request on its way there, and its answer on the way back. */
  readonly rates: FaultRates;
  readonly isFaulty: () => boolean;
  /** An orchestrator that answers, if there is one. */
  readonly desk: () => Desk | undefined;
  readonly isThere: (executionId: string) => boolean;
  readonly watches: Required<Pick<Watch, 'accepted' | 'refused'>>;
  readonly struck: (who: string, kind: string, doing: string) => void;
  readonly trace: (who: string, what: string) => void;
}

/** Whose request it is. */
interface Asking {
  readonly who: string;
  readonly what: string;
  /** Whose answers it may see, beside what it has named itself; null: nobody looks. */
  readonly tenantId: string | null;
  readonly named?: string;
}

export class People {
  /** How many actions of each execution were accepted, by `<execution> <action>`. */
  readonly accepted = new Map<string, number>();

  constructor(private readonly parts: PeopleParts) {}

  /** Creates an upgrade as it was drawn, and starts it; asks until it is answered. */
  async begin(asked: CreateExecution): Promise<void> {
    const { isThere } = this.parts;
    await this.#insist('CREATE', async ({ orchestrator: { runner } }) => {
      if (!isThere(asked.id)) await runner.create(asked);
    });
    const start = { type: 'START', by: 'ann', reason: null, force: false } as const;
    await this.#insist('START', async ({ orchestrator: { runner } }) => {
      await runner.act(asked.id, start, undefined);
    });
  }

  /** An operator acts. Answers whether it was accepted; the trace says what became of it. */
  async act(id: string, type: Action['type'], over: Partial<Action> = {}): Promise<boolean> {
    const action: Action = { type, by: 'olga', reason: null, force: false, ...over };
    const asking = { who: action.by, what: type, tenantId: null };
    const isAccepted = await this.#ask(asking, ({ orchestrator: { runner } }) =>
      runner.act(id, action, undefined),
    );
    const key = `${id} ${type}`;
    if (isAccepted) {
      this.accepted.set(key, (this.accepted.get(key) ?? 0) + 1);
      this.parts.watches.accepted(id, type);
    }
    return isAccepted;
  }

  /** Somebody of another tenant acts: nothing may come of it. */
  trespass(id: string, type: Action['type'], tenantId: string): Promise<boolean> {
    const action: Action = { type, by: 'mallory', reason: null, force: true };
    const strict = { ifMatchRevision: null, tenantId };
    const asking = { who: 'mallory', what: type, tenantId, named: id };
    return this.#ask(asking, ({ orchestrator: { runner } }) => runner.act(id, action, strict));
  }

  /** Asks for an upgrade by the registry, as POST does. */
  create(asked: Omit<UpgradeAsked, 'by' | 'revertOf'>): Promise<boolean> {
    const { tenantId } = asked;
    return this.#ask({ who: 'olga', what: 'CREATE', tenantId }, ({ creation }) =>
      creation.create({ ...asked, by: 'olga', revertOf: null }),
    );
  }

  /** Takes back an execution that has ended by a new one, PENDING, of this id. */
  revert(newId: string, executionId: string): Promise<boolean> {
    const action: Action = { type: 'REVERT', by: 'olga', reason: null, force: false };
    const asking = { who: 'olga', what: 'REVERT', tenantId: null };
    return this.#ask(asking, ({ reversal }) =>
      reversal.revert(newId, executionId, action, undefined),
    );
  }

  async #ask(asking: Asking, ask: (desk: Desk) => Promise<unknown>): Promise<boolean> {
    const { desk, trace, watches } = this.parts;
    const { who, what, tenantId, named = '' } = asking;
    if (!(await this.#arrives(asking, 'there'))) return false;
    const there = desk();
    if (there === undefined) return false;
    this.#repeat(asking, () => ask(there));
    const why = await ask(there).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    trace(who, why === null ? `${what} accepted` : `${what} refused: ${why}`);
    if (why !== null && tenantId !== null) watches.refused(tenantId, why.replace(named, ''));
    return (await this.#arrives(asking, 'back')) && why === null;
  }

  /** It may take long, or be lost; whoever asked never hears of it then. */
  async #arrives({ who, what }: Asking, way: 'there' | 'back'): Promise<boolean> {
    const { clock, random, rates, isFaulty, struck } = this.parts;
    const { slow, fails, answerLost } = rates;
    if (slow > 0 && isFaulty() && random.chance(slow)) {
      struck(who, 'operator: slow', `${what} ${way}`);
      await clock.sleep(slowness(random));
    }
    const lost = way === 'there' ? fails : answerLost;
    if (lost === 0 || !isFaulty() || !random.chance(lost)) return true;
    struck(who, way === 'there' ? 'operator: failed' : 'operator: answer lost', what);
    return false;
  }

  /** A client that was not answered in time asks once more, and both arrive. */
  #repeat({ who, what }: Asking, ask: () => Promise<unknown>): void {
    const { clock, random, rates, isFaulty, struck } = this.parts;
    if (rates.doubled === 0 || !isFaulty() || !random.chance(rates.doubled)) return;
    struck(who, 'operator: doubled', what);
    void clock
      .sleep(slowness(random))
      .then(ask)
      .catch(() => undefined);
  }

  /** What a client does whose answer got lost: it asks again, until it is answered. */
  async #insist(what: string, ask: (desk: Desk) => Promise<void>): Promise<void> {
    const { clock, desk, trace } = this.parts;
    for (;;) {
      const there = desk();
      const patience = clock.sleep(PATIENCE_MS).then(() => 'LOST' as const);
      const answered = there === undefined ? patience : ask(there);
      const answer = await Promise.race([answered, patience]).catch((error: unknown) => {
        const isRefused = error instanceof Error && error.name === 'Refusal';
        return isRefused ? error : ('LOST' as const);
      });
      if (answer !== 'LOST') return;
      await clock.sleep(PAUSE_MS);
      trace('client', `asks again for ${what}`);
    }
  }
}
