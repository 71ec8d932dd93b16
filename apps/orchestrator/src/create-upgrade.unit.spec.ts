import { expect, it } from '@jest/globals';
import { judgeTarget, type UpgradeRequest } from './create-upgrade.js';

const JUDGED = {
  ...{ valid: true, upgradeType: 'MINOR', riskLevel: 'LOW', requiresDowntime: false },
  ...{ blockers: [], warnings: [], steps: [] },
} as unknown as Parameters<typeof judgeTarget>[0];
const FACTS = { listed: 4, down: 0, sets: false };

const asked = (strategy: UpgradeRequest['strategy']): UpgradeRequest =>
  ({
    strategy,
    totalInstances: null,
    batchSize: 1,
    maxUnavailablePercentage: 50,
  }) as UpgradeRequest;

it('BLUE_GREEN needs a target that can run a second set, and no other strategy does', () => {
  const refused = judgeTarget(JUDGED, asked('BLUE_GREEN'), FACTS);
  expect(refused.valid).toBe(false);
  expect(refused.blockers.map(({ code }) => code)).toEqual(['STRATEGY_NOT_AVAILABLE']);
  expect(judgeTarget(JUDGED, asked('BLUE_GREEN'), { ...FACTS, sets: true }).valid).toBe(true);
  expect(judgeTarget(JUDGED, asked('ROLLING'), FACTS).valid).toBe(true);
});
