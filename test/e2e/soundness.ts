import { expect } from '@jest/globals';
import type { TestedFleet, TestedProduct, TestedUpgrade } from './product.js';

/**
 * What must hold of every upgrade that has ended, whatever was done to the services meanwhile: no
 * event is missing on Kafka (I3), REST tells the same (I2), and no instance was taken to the
 * version twice in one attempt, by the events and by the processes themselves (I1).
 */
export async function expectSound(
  tested: TestedProduct,
  upgrade: TestedUpgrade,
  fleet: TestedFleet,
): Promise<void> {
  const { gaps, lastSequence, toVersion } = upgrade.view;
  expect(gaps).toEqual([]);
  // It may have told the end just before it was killed.
  await tested.product.services.orchestrator.ready();
  const sequences = await upgrade.sequencesByRest();
  expect(sequences).toEqual(Array.from({ length: lastSequence }, (_, at) => at + 1));
  expect(new Set(upgrade.taken).size).toBe(upgrade.taken.length);
  const { instanceIds } = fleet.fleet;
  // A new set's are others, and their logs go with the set.
  const ids = instanceIds.filter((id) => upgrade.view.instances.has(id));
  const starts = tested.startsOf(fleet, toVersion, ids);
  starts.forEach((count, at) => {
    const attempts = upgrade.taken.filter((one) => one.startsWith(`${ids[at]!} `));
    expect(count).toBeLessThanOrEqual(attempts.length);
  });
}
