import type { Stage } from './demonstration.js';
import { DEMO_LOAD, startLoad, type Load } from './load.js';
import { judge, type Act, type Verdict } from './summary.js';

/** Has clients ask from before the first act until after the last one, and judges what came of it. */
export async function underLoad(
  stage: Stage,
  acts: (load: Load) => Promise<readonly Act[]>,
): Promise<Verdict> {
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
    const played = await acts(load);
    return judge(played, await load.stop());
  } finally {
    await load.stop();
  }
}
