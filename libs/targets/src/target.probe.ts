import type { Clock } from '#runtime/clock.js';
import type { Sight, Want } from '#core/validation/examination.js';
import { LIST_PAGE_MAX } from './target-limits.js';
import type { TargetDriver } from './target.driver.js';

/** What a target by itself can show a check; whoever carries out others knows more than a target. */
export type TargetWant = Exclude<Want, { want: 'PAGE' | 'CALL' }>;
export type TargetSight = Exclude<Sight, { want: 'PAGE' | 'CALL' }>;

type LookOf<W extends TargetWant['want']> = (
  parts: { readonly driver: TargetDriver; readonly clock: Clock },
  want: Extract<TargetWant, { want: W }>,
  signal: AbortSignal,
) => Promise<Extract<TargetSight, { want: W }>>;

/** How each thing that a check may want to see is looked at. */
const LOOK: { readonly [W in TargetWant['want']]: LookOf<W> } = {
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
  ADDRESS: async ({ driver }, _want, signal) => ({
    want: 'ADDRESS',
    address: await driver.address(null, signal),
  }),
};

/** Looks at one target, once for each thing asked. Throws what the driver throws. */
export class TargetProbe {
  constructor(
    private readonly driver: TargetDriver,
    private readonly clock: Clock,
  ) {}

  see(want: TargetWant, signal: AbortSignal): Promise<TargetSight> {
    const { driver, clock } = this;
    return (LOOK[want.want] as LookOf<'ROOM'>)({ driver, clock }, want as never, signal);
  }
}
