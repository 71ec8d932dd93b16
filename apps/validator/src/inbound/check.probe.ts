import { LIST_PAGE_MAX } from '#targets/target-limits.js';
import type { TargetDriver } from '#targets/target.driver.js';
import type { ExpectedInstance, Sight, Want } from '../validation.runner.js';

/** How each thing that a check may want to see is looked at. */
const LOOK: {
  readonly [W in Want['want']]: (
    probe: CheckProbe,
    want: Extract<Want, { want: W }>,
    signal: AbortSignal,
  ) => Promise<Extract<Sight, { want: W }>>;
} = {
  ROOM: async ({ driver }, _want, signal) => ({
    want: 'ROOM',
    room: await driver.room([], signal),
  }),
  LISTING: async ({ driver }, { cursor }, signal) => ({
    want: 'LISTING',
    ...(await driver.list(
      { limit: LIST_PAGE_MAX, ...(cursor === null ? {} : { cursor }) },
      signal,
    )),
  }),
  PAGE: async ({ driver, pageOf }, { page }, signal) => {
    const expected = await pageOf(page);
    const ids = expected.map(({ id }) => id);
    if (ids.length === 0) return { want: 'PAGE', expected, instances: [] };
    const { instances } = await driver.list({ ids, limit: ids.length }, signal);
    return { want: 'PAGE', expected, instances };
  },
};

/** Looks at one target. Throws what the driver throws. */
export class CheckProbe {
  /** @param pageOf the stored page of the question with this number, from 1 */
  constructor(
    readonly driver: TargetDriver,
    readonly pageOf: (page: number) => Promise<ExpectedInstance[]>,
  ) {}

  see(want: Want, signal: AbortSignal): Promise<Sight> {
    return (LOOK[want.want] as (typeof LOOK)['ROOM'])(this, want as never, signal);
  }
}
