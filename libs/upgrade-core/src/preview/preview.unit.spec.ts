import { describe, expect, it } from '@jest/globals';
import { aPlan } from '#testing/an-execution.js';
import { previewOf, type Preview } from './preview.js';
import type { SeenFleetInstance } from './previewed-fleet.js';

interface Seen {
  readonly listed?: number;
  readonly down?: number;
  readonly instances?: readonly SeenFleetInstance[];
  readonly batchWorkMs?: number;
}

/** Ten that are all up, unless said otherwise. */
function tryPreview(plan: Parameters<typeof aPlan>[0], seen: Seen = {}): Preview | null {
  const { listed = 10, down = 0, instances = null, batchWorkMs = null } = seen;
  return previewOf({ plan: aPlan(plan), fleet: { listed, down, instances }, batchWorkMs });
}

function preview(plan: Parameters<typeof aPlan>[0], seen: Seen = {}): Preview {
  const shown = tryPreview(plan, seen);
  if (shown === null) throw new Error('there is nothing to take');
  return shown;
}

/** `up`, `down`, or `there`: on the target version already and up. */
const fleet = (...states: ('up' | 'down' | 'there')[]): SeenFleetInstance[] =>
  states.map((state, at) => ({
    id: `i-${String(at)}`,
    version: state === 'there' ? '2.0.0' : state === 'down' ? null : '1.0.0',
    isDown: state === 'down',
  }));

const sizes = (shown: ReturnType<typeof preview>) => shown.batches.map(({ size }) => size);

describe('a preview', () => {
  it('of ROLLING fills the room up to the batch size', () => {
    const shown = preview({ batchSize: 5, maxUnavailablePercentage: 30, batchDelaySeconds: 60 });
    expect(sizes(shown)).toEqual([3, 3, 3, 1]);
    expect(shown).toMatchObject({ allowedDown: 3, lowestServing: 7, lowestServingPercentage: 70 });
    expect(shown).toMatchObject({ waitingMs: 180_000, expectedDurationMs: null, approvals: 0 });
    expect(shown.batches.map(({ room, serving }) => [room, serving])).toEqual([
      [3, 7],
      [3, 7],
      [3, 7],
      [3, 9],
    ]);
  });

  it('takes what is down first, and needs no room for it', () => {
    const shown = preview({ batchSize: 5, maxUnavailablePercentage: 30 }, { down: 2 });
    expect(shown.batches[0]).toMatchObject({ size: 3, alreadyDown: 2, room: 1, serving: 7 });
  });

  it('of CANARY shows the canaries first, then the time of their watch', () => {
    const shown = preview(
      { strategy: 'CANARY', canaryPercentage: 15, batchSize: 4, maxUnavailablePercentage: 40 },
      { batchWorkMs: 10_000 },
    );
    expect(sizes(shown)).toEqual([2, 4, 4]);
    expect(shown.batches.map(({ phase }) => phase)).toEqual(['CANARY', 'REST', 'REST']);
    expect(shown.batches[1]?.startsAfterMs).toBe(610_000);
    expect(shown.expectedDurationMs).toBe(shown.waitingMs + 30_000);
  });

  it('of BLUE_GREEN takes nothing from what serves', () => {
    const shown = preview({ strategy: 'BLUE_GREEN', newSet: 'u-1', staleSet: 'main' });
    expect(shown).toMatchObject({ allowedDown: null, lowestServing: 10, batchesInAll: 1 });
    expect(shown.batches[0]).toMatchObject({ phase: 'NEW_SET', size: 10, room: null });
  });

  it('of RECREATE says that nothing serves', () => {
    const shown = preview({ strategy: 'RECREATE' });
    expect(shown).toMatchObject({ lowestServing: 0, lowestServingPercentage: 0, batchesInAll: 1 });
  });

  it('of STAGED counts the approvals', () => {
    const shown = preview({ strategy: 'STAGED', initiatedBy: 'ann', batchSize: 4 });
    expect(sizes(shown)).toEqual([2, 2, 2, 2, 2]);
    expect(shown.approvals).toBe(4);
    expect(shown.batches.map(({ needsApproval }) => needsApproval)).toEqual([
      false,
      ...Array.from({ length: 4 }, () => true),
    ]);
  });

  it('knows by name what goes in which batch, what is down first', () => {
    const instances = fleet('up', 'up', 'up', 'down', 'up', 'up', 'up', 'up', 'up', 'down');
    const shown = preview({ batchSize: 3, maxUnavailablePercentage: 30 }, { instances });
    expect(shown.batches.map(({ indices }) => indices)).toEqual([
      [3, 9, 0],
      [1, 2, 4],
      [5, 6, 7],
      [8],
    ]);
    expect(shown.batches[0]).toMatchObject({
      ...{ instanceIds: ['i-3', 'i-9', 'i-0'], alreadyDown: 2, room: 1, serving: 7 },
    });
    expect(shown.batches[1]).toMatchObject({ alreadyDown: 0, room: 3, serving: 7 });
  });

  it('leaves out what is on the target version already', () => {
    const instances = fleet('there', 'up', 'there', 'up');
    const shown = preview({ batchSize: 1, maxUnavailablePercentage: 50 }, { instances });
    expect(shown).toMatchObject({ listed: 4, total: 2, alreadyThere: 2, batchesInAll: 2 });
    expect(shown.batches.map(({ instanceIds }) => instanceIds)).toEqual([['i-1'], ['i-3']]);
    expect(tryPreview({}, { instances: fleet('there', 'there') })).toBeNull();
  });

  it('says where it would stand still, because others that are down leave no room', () => {
    const plan = { totalInstances: 2, batchSize: 1, maxUnavailablePercentage: 25 };
    const instances = fleet('down', 'up', 'up', 'up', 'up', 'down', 'down', 'up');
    const shown = preview(plan, { instances, batchWorkMs: 1_000 });
    expect(shown).toMatchObject({ standsStill: true, batchesInAll: 1, expectedDurationMs: null });
    expect(shown).toMatchObject({ lowestServing: 5 });
  });

  it('of BLUE_GREEN and RECREATE counts what is down already once', () => {
    const instances = fleet('up', 'down', 'up', 'up');
    const whole = preview({ strategy: 'RECREATE' }, { instances });
    expect(whole.batches).toMatchObject([{ size: 4, alreadyDown: 1, serving: 0 }]);
    const set = preview({ strategy: 'BLUE_GREEN', newSet: 'u-1' }, { instances });
    expect(set.batches).toMatchObject([{ size: 4, alreadyDown: 0, instanceIds: null, serving: 3 }]);
    expect(set).toMatchObject({ lowestServing: 3, alreadyThere: 0 });
  });

  it('takes no more than was asked for', () => {
    expect(preview({ totalInstances: 3, batchSize: 2 })).toMatchObject({ total: 3, listed: 10 });
  });

  it('of a million instances reckons what it does not show', () => {
    const shown = preview(
      { batchSize: 10, maxUnavailablePercentage: 10, batchDelaySeconds: 1 },
      { listed: 1_000_000 },
    );
    expect(shown).toMatchObject({ batchesInAll: 100_000, waitingMs: 99_999_000 });
    expect(shown.batches).toHaveLength(200);
  });

  it('of very many canaries reckons their watch too, after which the rest begins at once', () => {
    const shown = preview(
      {
        ...{ strategy: 'CANARY', canaryPercentage: 50, batchSize: 10, batchDelaySeconds: 1 },
        maxUnavailablePercentage: 10,
      },
      { listed: 100_000 },
    );
    expect(shown).toMatchObject({ batchesInAll: 10_000, waitingMs: 600_000 + 9_998 * 1_000 });
  });

  it('of a fleet of which very many are down is reckoned in a moment', () => {
    const shown = preview({ batchSize: 10 }, { listed: 1_000_000, down: 600_000 });
    expect(shown).toMatchObject({ batchesInAll: 100_000 });
    expect(shown.batches[0]).toMatchObject({ size: 10, alreadyDown: 10, room: 0 });
  });

  it('says what has to be done by a person', () => {
    expect(preview({ strategy: 'CANARY' })).toMatchObject({ needsPromotion: true });
    const byItself = { strategy: 'CANARY', autoPromote: true } as const;
    expect(preview(byItself)).toMatchObject({ needsPromotion: false, approvals: 0 });
  });
});
