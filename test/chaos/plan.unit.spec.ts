import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '#testing/seeded-random.js';
import { longPlan } from './chaos-plans.js';
import { answerTo, type Shown } from './honest-operator.js';
import { planUpgrade, type PlannedUpgrade } from './plan.js';

function upgradesOf(seed: number, count: number): PlannedUpgrade[] {
  const random = new SeededRandom(seed);
  return longPlan(seed, 1).fleets.flatMap((fleet) => {
    const plans = random.fork();
    return Array.from({ length: count }, () => planUpgrade(plans, fleet, true));
  });
}

describe('what a run asks for', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(upgradesOf(7, 20)).toEqual(upgradesOf(7, 20));
    expect(upgradesOf(7, 20)).not.toEqual(upgradesOf(8, 20));
  });

  it('has all strategies, good and bad versions, and people who meddle', () => {
    const upgrades = upgradesOf(1, 60);
    const values = (of: (one: PlannedUpgrade) => unknown): unknown[] => [
      ...new Set(upgrades.map(of)),
    ];
    expect(values(({ strategy }) => strategy)).toHaveLength(5);
    expect(values(({ quality }) => quality)).toHaveLength(5);
    expect(values(({ create }) => create)).toHaveLength(3);
    expect(values(({ autoRollbackEnabled }) => autoRollbackEnabled)).toHaveLength(2);
    const undisturbed = upgrades.filter(({ acts }) => acts.length === 0).length;
    expect(undisturbed / upgrades.length).toBeGreaterThan(0.2);
    expect(undisturbed / upgrades.length).toBeLessThan(0.8);
  });
});

describe('somebody who answers for those who wait', () => {
  const shown = (over: Partial<Shown>): Shown => {
    return {
      id: 'one',
      status: 'IN_PROGRESS',
      stopping: null,
      waitingFor: null,
      canary: null,
      ...over,
    };
  };
  const canary = (verdict: string | null, durationOver = false): Shown => {
    return shown({ status: 'CANARY_MONITORING', canary: { verdict, durationOver } });
  };

  it.each([
    ['resumes what is paused', shown({ waitingFor: { kind: 'RESUME' } }), 0, 'resume'],
    ['approves a stage', shown({ waitingFor: { kind: 'APPROVAL' } }), 0, 'approve'],
    ['promotes healthy canaries', canary('HEALTHY'), 0, 'promote-canary'],
    ['takes unhealthy ones back', canary('UNHEALTHY'), 0, 'rollback'],
    ['gives others time to find out', canary('INCONCLUSIVE'), 1_000, null],
    ['does not wait for ever', canary('INCONCLUSIVE'), 60_000, 'promote-canary'],
    [
      'leaves alone what promotes itself',
      { ...canary('HEALTHY'), autoPromote: true },
      60_000,
      null,
    ],
    ['gives up where there is no room', shown({ waitingFor: { kind: 'ROOM' } }), 60_000, 'cancel'],
    [
      'asks nothing of what stops',
      shown({ stopping: {}, waitingFor: { kind: 'RESUME' } }),
      0,
      null,
    ],
  ])('%s', (_, upgrade, waitedMs, action) => {
    expect(answerTo(upgrade, waitedMs)).toBe(action);
  });
});
