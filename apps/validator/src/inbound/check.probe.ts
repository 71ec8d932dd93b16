import type { Clock } from '#runtime/clock.js';
import { LIST_PAGE_MAX } from '#targets/target-limits.js';
import type { TargetDriver } from '#targets/target.driver.js';
import type { ExpectedInstance, Sight, Want } from '../validation.runner.js';
import type { SmokeCaller } from './smoke-test.client.js';

/** What a probe looks with. */
export interface ProbeParts {
  readonly driver: TargetDriver;
  /** The stored page of the question with this number, from 1. */
  readonly pageOf: (page: number) => Promise<ExpectedInstance[]>;
  readonly callSmokeTest: SmokeCaller;
  readonly clock: Clock;
}

/** How each thing that a check may want to see is looked at. */
const LOOK: {
  readonly [W in Want['want']]: (
    parts: ProbeParts,
    want: Extract<Want, { want: W }>,
    signal: AbortSignal,
  ) => Promise<Extract<Sight, { want: W }>>;
} = {
  ROOM: async ({ driver }, _want, signal) => ({
    want: 'ROOM',
    room: await driver.room([], signal),
  }),
  SETS: async ({ driver }, _want, signal) => {
    const { sets: canRunSets } = await driver.capabilities(signal);
    const sets = canRunSets ? await driver.sets(signal) : [];
    const standing = sets.reduce((sum, { live, listed }) => sum + (live ? 0 : listed), 0);
    return { want: 'SETS', canRunSets, standing };
  },
  BACKUPS: async ({ driver, clock }, _want, signal) => {
    const { backups: keepsBackups } = await driver.capabilities(signal);
    const backups = keepsBackups ? await driver.backups(signal) : [];
    return { want: 'BACKUPS', keepsBackups, backups, seenAtMs: clock.nowMs() };
  },
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
  ADDRESS: async ({ driver }, _want, signal) => ({
    want: 'ADDRESS',
    address: await driver.address(null, signal),
  }),
  CALL: async ({ callSmokeTest, clock }, { call }, signal) => {
    if (call.pauseMs > 0) await clock.sleep(call.pauseMs, signal);
    return { want: 'CALL', answer: await callSmokeTest(call, signal) };
  },
};

/** Looks at one target. Throws what the driver throws. */
export class CheckProbe {
  constructor(private readonly parts: ProbeParts) {}

  see(want: Want, signal: AbortSignal): Promise<Sight> {
    return (LOOK[want.want] as (typeof LOOK)['ROOM'])(this.parts, want as never, signal);
  }
}
