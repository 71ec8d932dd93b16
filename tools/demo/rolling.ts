import { play } from './act.js';
import type { Demonstration, Stage } from './demonstration.js';
import { DEMO_LOAD, startLoad } from './load.js';
import { judge, type Verdict } from './summary.js';

/** Two rolling upgrades under load: one that succeeds, and one that takes itself back. */
export const rolling: Demonstration = {
  about: 'two rolling upgrades under load: one succeeds, one takes itself back',
  run,
};

async function run(stage: Stage): Promise<Verdict> {
  const { screen, instanceIds, trafficUrl } = stage;
  const load = startLoad({ url: trafficUrl, ...DEMO_LOAD });
  try {
    const { kept, fresh, slow } = DEMO_LOAD;
    screen.say(
      `${String(instanceIds.length)} instances of greeter 1.0.0 answer at ${trafficUrl}; ` +
        `${String(kept + fresh + slow)} clients ask without a pause from here on ` +
        `(${String(kept)} on kept connections, ${String(fresh)} on fresh ones, ` +
        `${String(slow)} with requests that last 800 ms)`,
    );
    screen.say(
      '\n1. 1.0.0 → 1.1.0, two at a time: each is drained, exchanged, checked, let back in\n',
    );
    const first = await play(stage, load, {
      from: '1.0.0',
      to: '1.1.0',
      expectedStatus: 'COMPLETED',
    });
    screen.say('\n2. 1.1.0 → 1.3.0, which never becomes healthy: it is taken back by itself\n');
    const second = await play(stage, load, {
      from: '1.1.0',
      to: '1.3.0',
      expectedStatus: 'ROLLED_BACK',
    });
    return judge([first, second], await load.stop());
  } finally {
    await load.stop();
  }
}
