/**
 * Once faults are healed somebody answers for what waits for a person: without him nothing that
 * waits would ever end, and nobody could tell that from an execution that is stuck (I15).
 */
import { isTerminal, type Execution } from '#core/execution/execution.js';
import type { Action } from '#core/execution/execution-inputs.js';
import type { SimulatedWorld } from './simulated-world.js';

const LOOKS_EVERY_MS = 2_000;

export class HonestOperator {
  constructor(private readonly world: SimulatedWorld) {}

  /** Works until everything has ended. */
  async work(): Promise<void> {
    const { world } = this;
    for (;;) {
      world.adopt();
      const active = world.upgrades.filter((upgrade) => {
        return world.has(upgrade.create.id) && !world.hasEnded(upgrade);
      });
      for (const { create } of active) {
        const action = answerTo(world.execution(create.id));
        if (action !== null) await world.act(create.id, action.type, action);
      }
      await world.clock.sleep(LOOKS_EVERY_MS);
    }
  }
}

/** What he does about it; null: it goes on by itself. */
function answerTo(execution: Execution): (Pick<Action, 'type'> & Partial<Action>) | null {
  if (isTerminal(execution.status) || execution.stopping !== null) return null;
  switch (execution.waitingFor?.kind) {
    case 'START':
      return { type: 'START' };
    case 'RESUME':
      return { type: 'RESUME' };
    case 'APPROVAL':
      // A stage is approved by somebody else than the one whose upgrade it is.
      return { type: 'APPROVE', by: execution.plan.initiatedBy === 'olga' ? 'omar' : 'olga' };
    case 'PROMOTION': {
      const { verdict, durationOver } = execution.canary ?? { verdict: null, durationOver: false };
      if (verdict === 'UNHEALTHY') return { type: 'ROLLBACK' };
      return verdict === 'HEALTHY' || durationOver ? { type: 'PROMOTE_CANARY' } : null;
    }
    default:
      return null;
  }
}
