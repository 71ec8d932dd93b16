import { afterAll, beforeAll, it } from '@jest/globals';
import { startTested, type StartOptions, type TestedFleet, type TestedProduct } from './product.js';

const LIMIT_MS = 180_000;

/** What is to happen on a fleet of its own. */
export type Story = (tested: TestedProduct, fleet: TestedFleet) => Promise<void>;

/**
 * Each story is a test; all of them run at the same time, on one product that is started for them.
 *
 * @param prepare what is to be done before the first of them begins
 */
export function tellAtOnce(
  stories: Readonly<Record<string, Story>>,
  options: StartOptions,
  prepare: (tested: TestedProduct, fleet: TestedFleet) => Promise<void> = async () => undefined,
): () => TestedProduct {
  let tested: TestedProduct;
  const running = new Map<string, Promise<void>>();

  beforeAll(async () => {
    tested = await startTested(options);
    const fleets: [Story, string, TestedFleet][] = [];
    for (const [name, story] of Object.entries(stories)) {
      fleets.push([story, name, await tested.newFleet()]);
    }
    const [first] = fleets;
    if (first !== undefined) await prepare(tested, first[2]);
    for (const [story, name, fleet] of fleets) {
      const told = story(tested, fleet);
      // Its own test says so; until then nobody waits for it.
      told.catch(() => undefined);
      running.set(name, told);
    }
  }, LIMIT_MS);

  afterAll(async () => {
    await Promise.allSettled(running.values());
    await tested.stop();
  }, LIMIT_MS);

  it.each(Object.keys(stories))('%s', (name) => running.get(name)!, LIMIT_MS);
  return () => tested;
}
