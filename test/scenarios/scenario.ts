/** A scenario: one upgrade in a world without faults but those it brings along itself. */
import { expect } from '@jest/globals';
import type { Execution } from '#core/execution/execution.js';
import type { Action, ActionType } from '#core/execution/execution-inputs.js';
import { checkInvariants } from '#core/execution/invariants.js';
import type { RawReport } from '../../apps/orchestrator/src/upgrade-asked.runner.js';
import { checkAll } from '../simulation/checkers.js';
import { ANSWERS, SimulatedWorld } from '../simulation/simulated-world.js';
import type { ServiceName } from '../simulation/simulated-process.js';
import { anUpgrade, type Upgrade, type UpgradeAsked } from '../simulation/upgrades.js';

const LIMITS = { limitMs: 6 * 3_600_000, eventsMax: 200_000 };

export class Scenario {
  readonly world = new SimulatedWorld();
  readonly upgrade: Upgrade;

  constructor(asked: UpgradeAsked = {}) {
    this.upgrade = anUpgrade(asked);
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
  async act(type: ActionType, over: Partial<Action> = {}): Promise<boolean> {
    const outcomes: boolean[] = [];
    void this.world.act(this.id, type, over).then((accepted) => outcomes.push(accepted));
    await this.until(() => outcomes.length > 0);
    return outcomes[0] === true;
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
