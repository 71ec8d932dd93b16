import { play, type Scene } from './act.js';
import type { Demonstration } from './demonstration.js';
import type { Found } from './summary.js';
import { milliseconds } from './table.js';
import { underLoad } from './under-load.js';

/** All instances at once, where a while without answers is accepted. */
export const recreate: Demonstration = {
  about: 'all at once: the one strategy with a downtime',
  run: (stage) =>
    underLoad(stage, async (load) => {
      stage.screen.say(
        '\n1. 1.0.0 → 1.1.0, all instances at once: whoever asks meanwhile is turned away\n',
      );
      const act = await play(stage, load, {
        ...{ from: '1.0.0', to: '1.1.0', asked: { strategy: 'RECREATE' } },
        owed: { status: 'COMPLETED', mostDown: null, mayDrop: true },
        people: measureDowntime,
      });
      return [act];
    }),
};

async function measureDowntime(scene: Scene): Promise<Found> {
  await scene.until('it has ended', ({ status }) => status === 'COMPLETED');
  // Those under way at its beginning are still answered: what counts is when they were sent.
  const sentMs = scene.load.since(scene.startedAtMs).map(({ beganAtMs }) => beganAtMs);
  sentMs.sort((a, b) => a - b);
  const gaps = sentMs.slice(1).map((atMs, at) => atMs - (sentMs[at] ?? atMs));
  const longestMs = Math.max(0, ...gaps);
  return {
    lines: [`for ${milliseconds(longestMs)} every new request was turned away: the dropped ones`],
    problems: [],
  };
}
