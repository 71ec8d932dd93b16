/** No data taken for a pass, at each place where that decides something. */
import type { CanaryMetric } from '#contracts/work.messages.js';
import type { ObservedInstance, TargetDrivers } from '#targets/target.driver.js';
import type { ServiceName } from '../simulated-process.js';
import { smokeTestOf } from '../simulated-smoke-tests.js';
import { AlteredTargets } from './altered-targets.js';
import type { PlantedBug } from './planted-bug.js';

/** The fleet knows no metric of that name. */
const NEVER_MEASURED: CanaryMetric = {
  name: 'errors',
  source: 'TARGET',
  query: 'errors',
  bound: 1,
  direction: 'BELOW',
  initialDelaySeconds: 0,
};
const WATCHED = { strategy: 'CANARY', canaryPercentage: 10, canaryDurationSeconds: 60 } as const;

export const SILENCE_BUGS: readonly PlantedBug[] = [
  {
    name: 'no-data-is-healthy',
    what: 'an instance that says nothing of itself is taken for healthy on the new version',
    caughtBy: ['I9'],
    seedsMax: 15,
    shownBy: { upgrade: { faults: [{ instance: 0, on: 'HEALTH', how: 'NO_DATA' }] } },
    plant: () => ({ targets: onlyOf('orchestrator', believing) }),
  },
  {
    name: 'no-data-passes-a-check',
    what: 'a validator takes an instance that says nothing of itself for as it should be',
    caughtBy: ['I9'],
    seedsMax: 15,
    shownBy: { upgrade: { faults: [{ instance: 0, on: 'LIST', how: 'NO_DATA' }] } },
    plant: () => ({ targets: onlyOf('validator', believing) }),
  },
  {
    name: 'no-data-keeps-the-bound',
    what: 'a metric without a value is taken for zero',
    caughtBy: ['I9'],
    seedsMax: 15,
    shownBy: {
      upgrade: { faults: [], metrics: {}, canaryMetrics: [NEVER_MEASURED], plan: WATCHED },
    },
    plant: () => ({ targets: onlyOf('canary-monitor', zeroForNothing) }),
  },
  {
    name: 'no-answer-passes-a-smoke-test',
    what: 'a smoke test that nobody answers is taken for one that was answered well',
    caughtBy: ['I9'],
    seedsMax: 15,
    // Nobody fails before, and what is called is often not reached.
    shownBy: {
      upgrade: { faults: [], smokeTests: [smokeTestOf('ready', 200), smokeTestOf('well', 200)] },
      faults: { target: { slow: 0, fails: 0.2, answerLost: 0, crashes: 0, doubled: 0 } },
    },
    plant: () => ({
      smokeTests: (calls) => async (call, signal) => {
        const answer = await calls(call, signal);
        if (answer.kind === 'ANSWERED') return answer;
        return { kind: 'ANSWERED', status: 200, durationMs: 0 };
      },
    }),
  },
];

function onlyOf(service: ServiceName, alter: (targets: TargetDrivers) => TargetDrivers) {
  return (targets: TargetDrivers, place: { readonly service: ServiceName }): TargetDrivers =>
    place.service === service ? alter(targets) : targets;
}

/** What was last asked of an instance, or seen of it, stands in for what it does not say. */
function believing(targets: TargetDrivers): TargetDrivers {
  const known = new Map<string, string | null>();
  const believed = (seen: ObservedInstance): ObservedInstance => {
    if (seen.noData !== true) {
      known.set(seen.id, seen.version);
      return seen;
    }
    const version = known.get(seen.id) ?? null;
    return { ...seen, version, healthy: true, noData: false, problem: null };
  };
  return new AlteredTargets(targets, (driver) => ({
    submit: (operations, fence, signal) => {
      for (const { instanceId, version } of operations) {
        if (version !== undefined) known.set(instanceId, version);
      }
      return driver.submit(operations, fence, signal);
    },
    list: async (query, signal) => {
      const page = await driver.list(query, signal);
      return { ...page, instances: page.instances.map(believed) };
    },
  }));
}

function zeroForNothing(targets: TargetDrivers): TargetDrivers {
  return new AlteredTargets(targets, (driver) => ({
    metric: async (query, signal) => (await driver.metric(query, signal)) ?? 0,
  }));
}
