/** What a run consists of: fleets of all kinds, and how hard the nemesis strikes. */
import type { ChaosPlan } from './chaos-run.js';
import type { BlowKind } from './blows.js';
import type { PlannedFleet } from './plan.js';

const SMALL_BATCHES = [1, 2, 3] as const;

function agentFleet(letter: string): PlannedFleet {
  return {
    ...{ name: `fleet-${letter}`, tenantId: `tenant-${letter}`, driver: 'agent' },
    ...{ instances: 4, latencyMs: 0, batchSizes: [1, 2] },
  };
}

function simulatedFleet(
  letter: string,
  instances: number,
  latencyMs: number,
  batchSizes: readonly number[] = SMALL_BATCHES,
): PlannedFleet {
  return {
    ...{ name: `fleet-${letter}`, tenantId: `tenant-${letter}`, driver: 'simulated' },
    ...{ instances, latencyMs, batchSizes },
  };
}

/** A fleet of 200, whose upgrades last long enough to be struck many times. */
function largeFleet(letter: string): PlannedFleet {
  return simulatedFleet(letter, 200, 250, [10, 25, 40]);
}

/** Everything there is, for some minutes. */
export function longPlan(seed: number, minutes: number): ChaosPlan {
  return {
    seed,
    fleets: [
      agentFleet('a'),
      agentFleet('b'),
      simulatedFleet('c', 6, 100),
      simulatedFleet('d', 12, 300),
      largeFleet('e'),
    ],
    nemesis: { everyMs: 4_000, atMoments: 0.08 },
    forMs: minutes * 60_000,
    endLimitMs: 420_000,
  };
}

/** So many kills of processes drawn by lot, while fleets of 200 are upgraded. */
export function killsPlan(seed: number, kills: number): ChaosPlan {
  const blows = Array.from({ length: kills }, (): BlowKind => 'KILL');
  return {
    seed,
    fleets: [largeFleet('a'), largeFleet('b'), agentFleet('c')],
    nemesis: { everyMs: 2_500, blows, atMoments: 0.05 },
    endLimitMs: 420_000,
  };
}

/** One of each kind that a test has the time for. */
export function shortPlan(seed: number): ChaosPlan {
  return {
    seed,
    fleets: [agentFleet('a'), simulatedFleet('b', 6, 60), simulatedFleet('c', 30, 60, [5, 10])],
    nemesis: {
      everyMs: 700,
      atMoments: 0.2,
      blows: [
        ...(['KILL', 'FREEZE', 'SESSIONS_ENDED', 'KILL', 'CONNECTIONS_RESET'] as const),
        ...(['TARGET_FAULTS', 'POSTGRES_STOP', 'KILL', 'TERM', 'KILL'] as const),
      ],
    },
    endLimitMs: 90_000,
  };
}
