import { describe, expect, it } from '@jest/globals';
import { aPlan } from '#testing/an-execution.js';
import { previewOf, type PreviewQuestion } from './preview.js';

function preview(
  plan: Parameters<typeof aPlan>[0],
  over: Partial<Omit<PreviewQuestion, 'plan'>> = {},
) {
  return previewOf({ plan: aPlan(plan), listed: 10, down: 0, batchWorkMs: null, ...over });
}

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
});
