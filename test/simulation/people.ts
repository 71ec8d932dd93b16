/** Who asks the orchestrator for something, as a client of its API would. */
import type { Clock } from '#runtime/clock.js';
import type { Action } from '#core/execution/execution-inputs.js';
import type { CreateExecution } from '../../apps/orchestrator/src/create-execution.js';
import type { UpgradeAsked } from '../../apps/orchestrator/src/upgrade-creation.runner.js';
import type { Watch } from './invariants/invariant.js';
import type { Desk } from './supervisor.js';

const PATIENCE_MS = 5_000;
const PAUSE_MS = 300;

export interface PeopleParts {
  readonly clock: Clock;
  /** An orchestrator that answers, if there is one. */
  readonly desk: () => Desk | undefined;
  readonly isThere: (executionId: string) => boolean;
  readonly watches: Required<Pick<Watch, 'accepted' | 'refused'>>;
  readonly trace: (who: string, what: string) => void;
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
    const isAccepted = await this.#ask(action.by, type, ({ orchestrator: { runner } }) =>
      runner.act(id, action, undefined),
    );
    const key = `${id} ${type}`;
    if (isAccepted) {
      this.accepted.set(key, (this.accepted.get(key) ?? 0) + 1);
      this.parts.watches.accepted(id, type);
    }
    return isAccepted;
  }

  /** Asks for an upgrade by the registry, as POST does. */
  create(asked: Omit<UpgradeAsked, 'by' | 'revertOf'>): Promise<boolean> {
    return this.#ask('olga', 'CREATE', ({ creation }) =>
      creation.create({ ...asked, by: 'olga', revertOf: null }),
    );
  }

  /** Takes back an execution that has ended by a new one, PENDING, of this id. */
  revert(newId: string, executionId: string): Promise<boolean> {
    const action: Action = { type: 'REVERT', by: 'olga', reason: null, force: false };
    return this.#ask('olga', 'REVERT', ({ reversal }) =>
      reversal.revert(newId, executionId, action, undefined),
    );
  }

  async #ask(who: string, what: string, ask: (desk: Desk) => Promise<unknown>): Promise<boolean> {
    const { desk, trace } = this.parts;
    const there = desk();
    if (there === undefined) return false;
    const why = await ask(there).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    trace(who, why === null ? `${what} accepted` : `${what} refused: ${why}`);
    return why === null;
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
