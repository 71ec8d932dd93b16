/** Bugs behind the targets: in what they do, in what they are asked, and in whose answer is whose. */
import type { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { settle, type SimulatedInstance } from '#targets/simulated-instance.js';
import type {
  Fence,
  InstanceOperation,
  OperationState,
  RoomCount,
  TargetDriver,
  TargetDrivers,
  TargetSettings,
} from '#targets/target.driver.js';
import { AlteredTargets } from './altered-targets.js';
import type { PlantedBug } from './planted-bug.js';

export const TARGET_BUGS: readonly PlantedBug[] = [
  {
    name: 'fence-ignored',
    what: 'a target obeys whoever asks last',
    caughtBy: ['I11'],
    seedsMax: 150,
    plant: () => {
      let epoch = 0;
      const next = (): Fence => ({ handOver: 1_000, epoch: (epoch += 1) });
      return { targets: (targets) => unfenced(targets, next) };
    },
  },
  {
    name: 'repeated-request-begins-again',
    what: 'a target that is asked for the same operation twice does it twice',
    caughtBy: ['I1'],
    seedsMax: 20,
    plant: () => ({ targets: (targets, { fleets }) => forgetfulOfOperations(targets, fleets) }),
  },
  {
    name: 'operation-id-of-a-process',
    what: 'an operation has another id after a restart',
    caughtBy: ['I1'],
    seedsMax: 20,
    plant: () => ({ targets: (targets, { owner }) => namedByProcess(targets, owner) }),
  },
  {
    name: 'answer-of-the-neighbour',
    what: "takes the answer about one instance for its neighbour's",
    caughtBy: ['I8'],
    seedsMax: 20,
    plant: () => ({
      targets: (targets) =>
        new AlteredTargets(targets, (driver) => ({
          poll: async (operations, waitMs, signal) =>
            ofTheNext(await driver.poll(operations, waitMs, signal)),
        })),
    }),
  },
  {
    name: 'room-that-forgets-the-fallen',
    what: 'counts as down what was taken down, and not what fell by itself',
    caughtBy: ['I4'],
    seedsMax: 20,
    shownBy: {
      upgrade: { instances: 6, plan: { strategy: 'ROLLING', maxUnavailablePercentage: 34 } },
      faults: { bias: 1, blowEveryMs: 3_000 },
    },
    plant: () => ({ targets: (targets) => seeingNobodyDown(targets) }),
  },
  {
    name: 'room-counted-once',
    what: 'goes by the first count of the room for as long as the process lives',
    caughtBy: ['I4'],
    seedsMax: 4,
    plant: () => ({ targets: (targets) => countingOnce(targets) }),
  },
  {
    name: 'rollback-beyond-the-room',
    what: 'a rollback takes down healthy instances that do not fit',
    caughtBy: ['I4'],
    seedsMax: 20,
    shownBy: {
      upgrade: {
        instances: 8,
        skipChecks: [{ check: 'HEALTH_ENDPOINTS', reason: 'one is down', by: 'ann' }],
        // The last is not taken, and down; the third fails, and two are to be taken back.
        faults: [
          { instance: 7, on: 'LIST', how: 'FAIL' },
          { instance: 2, on: 'HEALTH', how: 'FAIL' },
        ],
        plan: {
          ...{ strategy: 'ROLLING', totalInstances: 4, batchSize: 4, batchDelaySeconds: 0 },
          ...{ maxUnavailablePercentage: 25, autoRollbackEnabled: true, failureThreshold: 1 },
        },
      },
      faults: { blowEveryMs: 10_000 },
    },
    plant: () => ({
      targets: (targets, { service }) =>
        service === 'rollback-agent' ? seeingNobodyDown(targets) : targets,
    }),
  },
  {
    name: 'rollback-of-what-is-there',
    what: 'a rollback takes down instances that serve on the version they go back to',
    caughtBy: ['I7'],
    seedsMax: 40,
    plant: () => ({
      targets: (targets, { service }) =>
        service === 'rollback-agent' ? blindToWhatIsThere(targets) : targets,
    }),
  },
];

function unfenced(targets: TargetDrivers, next: () => Fence): TargetDrivers {
  return new AlteredTargets(targets, (driver) => ({
    submit: (operations, _, signal) => driver.submit(operations, next(), signal),
    submitSet: (operation, _, signal) => driver.submitSet(operation, next(), signal),
  }));
}

function forgetfulOfOperations(targets: TargetDrivers, fleets: InMemoryFleetStore): TargetDrivers {
  return new AlteredTargets(targets, (driver, target) => ({
    submit: async (operations, fence, signal) => {
      const ids = operations.map(({ instanceId }) => instanceId);
      await fleets.work(declarationOf(target), { kind: 'IDS', ids }, ({ rows, nowMs, put }) => {
        rows.forEach((row, at) => {
          if (row !== undefined) put(forgetting(settle(row, nowMs), operations[at]?.id ?? ''));
        });
      });
      return driver.submit(operations, fence, signal);
    },
  }));
}

function forgetting(row: SimulatedInstance, operationId: string): SimulatedInstance {
  const { operation, earlier } = row;
  return {
    ...row,
    operation: operation?.id === operationId ? null : operation,
    earlier: earlier.filter(({ id }) => id !== operationId),
  };
}

function declarationOf({ settings }: TargetSettings) {
  const { fleet, instances, version } = settings;
  return {
    ...{ fleet: String(fleet), instances: Number(instances), version: String(version) },
    ...{ faults: [], keepsHistory: true },
  };
}

function namedByProcess(targets: TargetDrivers, owner: string): TargetDrivers {
  const alias = <T extends { readonly id: string }>(one: T): T => ({
    ...one,
    id: `${one.id}@${owner}`,
  });
  const named = <T extends { readonly id: string }>(one: T): T => ({
    ...one,
    id: one.id.slice(0, one.id.lastIndexOf('@')),
  });
  return new AlteredTargets(targets, (driver) => ({
    submit: async (operations, fence, signal) =>
      (await driver.submit(operations.map(alias<InstanceOperation>), fence, signal)).map(named),
    poll: async (operations, waitMs, signal) =>
      (await driver.poll(operations.map(alias), waitMs, signal)).map(named),
  }));
}

function ofTheNext(states: readonly OperationState[]): OperationState[] {
  return states.map(({ id }, at) => ({
    ...(states[(at + 1) % states.length] as OperationState),
    id,
  }));
}

/** What the services themselves have taken down they count by themselves. */
function seeingNobodyDown(targets: TargetDrivers): TargetDrivers {
  return new AlteredTargets(targets, (driver) => ({
    room: async (except, signal) => ({ ...(await driver.room(except, signal)), down: 0 }),
  }));
}

/** Asks a fleet for its room once. */
function countingOnce(targets: TargetDrivers): TargetDrivers {
  const counts = new Map<unknown, RoomCount>();
  return new AlteredTargets(targets, (driver, { settings }) => ({
    room: async (except, signal) => {
      const { fleet } = settings;
      const count = counts.get(fleet) ?? (await driver.room(except, signal));
      counts.set(fleet, count);
      return count;
    },
  }));
}

/** Until it has operated an instance, it takes what that runs for another version. */
function blindToWhatIsThere(targets: TargetDrivers): TargetDrivers {
  const operated = new Set<string>();
  return new AlteredTargets(targets, (driver: TargetDriver) => ({
    list: async (query, signal) => {
      const page = await driver.list(query, signal);
      if (query.ids === undefined) return page;
      const instances = page.instances.map((seen) =>
        operated.has(seen.id) ? seen : { ...seen, version: null },
      );
      return { ...page, instances };
    },
    submit: (operations, fence, signal) => {
      for (const { instanceId } of operations) operated.add(instanceId);
      return driver.submit(operations, fence, signal);
    },
  }));
}
