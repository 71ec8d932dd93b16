import { play, type Scene } from './act.js';
import type { Demonstration } from './demonstration.js';
import { clockMs } from './load.js';
import type { Found } from './summary.js';
import { seconds } from './table.js';
import { underLoad } from './under-load.js';
import { countOf, type UpgradeView } from './upgrade-view.js';

/** An operator rolls back in the middle of a batch: all that was touched goes back, by itself. */
export const rollback: Demonstration = {
  about: 'an operator rolls back in the middle; the room is kept',
  run: (stage) =>
    underLoad(stage, async (load) => {
      stage.screen.say(
        '\n1. 1.0.0 → 1.1.0, two at a time; in the middle of the third batch olga rolls it back\n',
      );
      const act = await play(stage, load, {
        ...{ from: '1.0.0', to: '1.1.0', owed: { status: 'ROLLED_BACK' } },
        people: rollBackInTheMiddle,
      });
      return [act];
    }),
};

const isInTheMiddle = (view: UpgradeView): boolean =>
  countOf(view, 'COMPLETED') >= 4 && countOf(view, 'UPGRADING') > 0;

async function rollBackInTheMiddle(scene: Scene): Promise<Found> {
  await scene.until('the third batch is under way', isInTheMiddle);
  const fromMs = clockMs();
  const before = scene.view();
  const touched = [...before.instances.values()].filter(({ status }) => status !== 'PENDING');
  const underWay = touched.filter(({ status }) => status !== 'COMPLETED').map(({ id }) => id);
  scene.say(
    `\nolga rolls back: ${String(touched.length)} instances are touched, ${underWay.join(' and ')} ` +
      'among them not yet done: what is down goes back first, the rest two at a time, so that ' +
      'never more than two are down; what was not touched stays as it is\n',
  );
  await scene.api('olga').post(`upgrades/${scene.id}/rollback?reason=errors%20in%20the%20logs`);
  await scene.until('it is back', ({ status }) => status === 'ROLLED_BACK');
  const { takenBack } = scene.view();
  const tookMs = clockMs() - fromMs;
  const missing = touched.filter(({ id }) => !takenBack.includes(id)).map(({ id }) => id);
  return {
    lines: [
      `${String(takenBack.length)} instances were taken back within ${seconds(tookMs)} of the ` +
        `request, in this order: ${takenBack.join(', ')}`,
    ],
    problems: missing.length === 0 ? [] : [`not taken back: ${missing.join(', ')}`],
  };
}
