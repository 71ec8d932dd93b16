import { setTimeout as pause } from 'node:timers/promises';
import { ApiError, type ExecutionAnswer } from '../product/registry-api.js';
import { play, type Scene } from './act.js';
import type { Demonstration } from './demonstration.js';
import type { Found } from './summary.js';
import { underLoad } from './under-load.js';
import { countOf } from './upgrade-view.js';

/** Who asked for the upgrade, as the example's request says. */
const INITIATOR = 'newcomer';
/** Eight instances in stages of three: the first begins by itself. */
const STAGES_TO_APPROVE = 2;
/** Long enough for who watches to see that it waits. */
const WAITS_MS = 2_000;
const ASKED = { strategy: 'STAGED', batchSize: 3, maxUnavailablePercentage: 40 };

/** Stages that wait for a person, who must be another than the one who asked for the upgrade. */
export const staged: Demonstration = {
  about: 'each further stage waits until another person has approved it',
  run: (stage) =>
    underLoad(stage, async (load) => {
      stage.screen.say(
        '\n1. 1.0.0 → 1.1.0 in stages of three: after each it waits for somebody to approve the ' +
          `next, and ${INITIATOR}, who asked for it, cannot\n`,
      );
      const act = await play(stage, load, {
        ...{ from: '1.0.0', to: '1.1.0', asked: ASKED, owed: { status: 'COMPLETED' } },
        people: approveEach,
      });
      return [act];
    }),
};

async function approveEach(scene: Scene): Promise<Found> {
  const lines: string[] = [];
  const problems: string[] = [];
  for (let approved = 0; approved < STAGES_TO_APPROVE; approved += 1) {
    const sizeUntilThen = (approved + 1) * ASKED.batchSize;
    await scene.until(
      `stage ${String(approved + 1)} waits for approval`,
      (view) => view.status === 'PAUSED' && countOf(view, 'COMPLETED') === sizeUntilThen,
    );
    const { waitingFor } = await scene.api('bob').get<ExecutionAnswer>(`upgrades/${scene.id}`);
    const whom = waitingFor?.who ?? 'nobody';
    scene.say(`\nPAUSED: it waits for ${whom}, for as long as that takes; here for two seconds\n`);
    await pause(WAITS_MS);
    const refusal = await refusalOf(scene);
    if (refusal?.status === 403) {
      const { title = '', detail = title } = refusal.problem;
      lines.push(`${INITIATOR} tried to approve: 403, ${detail}`);
    } else problems.push(`${INITIATOR} could approve a stage of an upgrade of their own`);
    if (waitingFor?.kind !== 'APPROVAL') problems.push('a stage has not waited for its approval');
    scene.say(
      `\n${INITIATOR} tries to approve, and is refused (${String(refusal?.status ?? 'not at all')}); ` +
        'bob approves\n',
    );
    await scene.api('bob').post(`upgrades/${scene.id}/approve`, { reason: 'stage looks good' });
  }
  return { lines: lines.slice(0, 1), problems };
}

async function refusalOf(scene: Scene): Promise<ApiError | undefined> {
  try {
    await scene.api(INITIATOR).post(`upgrades/${scene.id}/approve`);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}
