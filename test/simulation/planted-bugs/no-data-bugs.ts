/** No data taken for a pass, at each place where that decides something. */
import type { ObservedInstance, TargetDrivers } from '#targets/target.driver.js';
import type { ServiceName } from '../simulated-process.js';
import { AlteredTargets } from './altered-targets.js';
import type { PlantedBug } from './planted-bug.js';

export const NO_DATA_BUGS: readonly PlantedBug[] = [
  {
    name: 'no-data-is-healthy',
    what: 'an instance that says nothing of itself is taken for healthy on the new version',
    caughtBy: ['I9'],
    seedsMax: 40,
    plant: () => ({ targets: onlyOf('orchestrator', believing) }),
  },
  {
    name: 'no-data-passes-a-check',
    what: 'a validator takes an instance that says nothing of itself for as it should be',
    caughtBy: ['I9'],
    seedsMax: 40,
    plant: () => ({ targets: onlyOf('validator', believing) }),
  },
  {
    name: 'no-data-is-a-healthy-canary',
    what: 'a canary that says nothing of itself is taken for healthy',
    caughtBy: ['I9'],
    seedsMax: 60,
    plant: () => ({ targets: onlyOf('canary-monitor', believing) }),
  },
  {
    name: 'no-data-keeps-the-bound',
    what: 'a metric without a value is taken for zero',
    caughtBy: ['I9'],
    seedsMax: 60,
    plant: () => ({ targets: onlyOf('canary-monitor', zeroForNothing) }),
  },
  {
    name: 'no-data-is-restored',
    what: 'a rollback takes an instance that says nothing of itself for restored',
    caughtBy: ['I9'],
    seedsMax: 60,
    plant: () => ({ targets: onlyOf('rollback-agent', believing) }),
  },
  {
    name: 'no-count-is-room',
    what: 'a fleet that cannot be counted is taken for one where nothing is down',
    caughtBy: ['I9'],
    seedsMax: 20,
    plant: () => ({
      targets: onlyOf('orchestrator', (targets) => {
        return new AlteredTargets(targets, (driver, { settings }) => ({
          room: (except, signal) =>
            driver.room(except, signal).catch(() => {
              const listed = Number(settings['instances']);
              return { listed, down: 0, spare: listed };
            }),
        }));
      }),
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
