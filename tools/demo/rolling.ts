import { play } from './act.js';
import type { Demonstration } from './demonstration.js';
import { underLoad } from './under-load.js';

/** Two rolling upgrades under load: one that succeeds, and one that takes itself back. */
export const rolling: Demonstration = {
  about: 'one upgrade succeeds, one takes itself back; without a name: this',
  run: (stage) =>
    underLoad(stage, async (load) => {
      const { screen } = stage;
      screen.say(
        '\n1. 1.0.0 → 1.1.0, two at a time: each is drained, exchanged, checked, let back in\n',
      );
      const first = await play(stage, load, {
        ...{ from: '1.0.0', to: '1.1.0', owed: { status: 'COMPLETED' } },
      });
      screen.say('\n2. 1.1.0 → 1.3.0, which never becomes healthy: it is taken back by itself\n');
      const second = await play(stage, load, {
        ...{ from: '1.1.0', to: '1.3.0', owed: { status: 'ROLLED_BACK' } },
      });
      return [first, second];
    }),
};
