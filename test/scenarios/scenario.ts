/** A scenario: one upgrade in a world without faults but those it brings along itself. */
import { expect } from '@jest/globals';
import { isTerminal, type Execution } from '#core/execution/execution.js';
import type { Action, ActionType } from '#core/execution/execution-inputs.js';
import { checkInvariants } from '#core/execution/invariants.js';
import type { StoredInstance } from '../../apps/orchestrator/src/persistence/execution.store.js';
import type { RawReport } from '../../apps/orchestrator/src/upgrade-asked.runner.js';
import { checkAll } from '../simulation/checkers.js';
import { ANSWERS, SimulatedWorld, type WorldOptions } from '../simulation/simulated-world.js';
import { SERVICES } from '../simulation/services.js';
import type { ServiceName } from '../simulation/simulated-process.js';
import { anUpgrade, type Upgrade, type UpgradeAsked } from '../simulation/upgrades.js';

/** Services that come back have taken over what they own, and fired what was due, by then. */
const BACK_MS = 15_000;
const LIMITS = { limitMs: 6 * 3_600_000, eventsMax: 200_000 };

export class Scenario {
  readonly world: SimulatedWorld;
  readonly upgrade: Upgrade;

  constructor(asked: UpgradeAsked = {}, options: WorldOptions = {}) {
    this.upgrade = anUpgrade(asked);
    this.world = new SimulatedWorld(options);
  }

  get id(): string {
    return this.upgrade.create.id;
  }

  get execution(): Execution {
    return this.world.execution(this.id);
  }

  /** Starts the services, but for one that is away, and the upgrade. */
  async begin(away?: ServiceName): Promise<this> {
    await this.world.start();
    if (away !== undefined) this.world.down(away);
    void this.world.upgrade(this.upgrade);
    await this.until(() => this.world.rowsHit.has('start'));
    return this;
  }

  /** Lets time pass until something holds. */
  async until(holds: () => boolean): Promise<void> {
    const end = await this.world.clock.runUntil(holds, LIMITS);
    if (end !== 'HOLDS') throw new Error(`${end}: ${JSON.stringify(this.execution)}`);
  }

  /** Until a row or guard of the table has been taken. */
  untilRow(name: string): Promise<void> {
    return this.until(() => this.world.rowsHit.has(name));
  }

  /** Something is reported to the orchestrator, as a target or a service would. */
  async report(input: RawReport): Promise<void> {
    const orchestrator = this.world.orchestrator();
    if (ANSWERS.includes(input.type)) this.world.answersMadeUp += 1;
    const answered = orchestrator?.runner.report({ executionId: this.id, input });
    let isAnswered = false;
    void answered?.then(() => (isAnswered = true));
    await this.until(() => isAnswered);
  }

  /** An operator acts; answers whether it was accepted. */
  act(type: ActionType, over: Partial<Action> = {}): Promise<boolean> {
    return this.#answered(this.world.act(this.id, type, over));
  }

  /** Lets time pass until there is an answer. */
  async #answered(asking: Promise<boolean>): Promise<boolean> {
    const answers: boolean[] = [];
    void asking.then((answer) => answers.push(answer));
    await this.until(() => answers.length > 0);
    return answers[0] === true;
  }

  /** Asks for what it did to be taken back; answers whether that was accepted. */
  tryRevert(revertId: string): Promise<boolean> {
    return this.#answered(this.world.people.revert(revertId, this.id));
  }

  /** A revert of this id is made and started. */
  async revert(revertId: string): Promise<void> {
    expect(await this.tryRevert(revertId)).toBe(true);
    expect(await this.#answered(this.world.act(revertId, 'START'))).toBe(true);
  }

  /**
   * Nobody is there for so long: every service is away, as over a night without power. Time in
   * which nothing happens costs nothing, while idle services would look for work all the time.
   */
  async away(ms: number): Promise<void> {
    const { world } = this;
    for (const service of SERVICES) world.down(service);
    await world.clock.pass(ms);
    for (const service of SERVICES) world.up(service);
    await world.clock.pass(BACK_MS);
  }

  /** Whoever may approves every stage that comes. */
  async approveUntilEnd(): Promise<void> {
    for (;;) {
      const awaits = (): boolean => {
        const { execution } = this;
        return execution.status === 'PAUSED' && execution.pauseReason === 'STAGE_APPROVAL';
      };
      await this.until(() => awaits() || isTerminal(this.execution.status));
      if (!awaits()) return;
      expect(await this.act('APPROVE')).toBe(true);
    }
  }

  /** Its rows, in the order of their index. */
  instances(): Promise<StoredInstance[]> {
    const all = { statuses: null, afterIndex: -1, limit: 1_000 };
    return this.world.store().instances(this.id, all);
  }

  /** Lets it end, and checks all that must hold besides what the scenario is about. */
  async end(...hits: readonly string[]): Promise<Execution> {
    await this.world.settle();
    expect(await checkAll(this.world)).toEqual([]);
    expect(checkInvariants(this.execution)).toEqual([]);
    this.hits(...hits);
    return this.execution;
  }

  /** These rows were taken. The meta test reads which ones a scenario claims. */
  hits(...names: readonly string[]): void {
    const missed = names.filter((name) => !this.world.rowsHit.has(name));
    expect({ missed, hit: [...this.world.rowsHit.keys()] }).toMatchObject({ missed: [] });
  }
}
