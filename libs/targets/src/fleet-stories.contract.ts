/** Random stories of one simulated fleet, told to whatever store it lives in. */
import fc from 'fast-check';
import { SystemClock } from '#runtime/clock.js';
import type { SimulatedFault } from './simulated-faults.js';
import type { Alteration, SimulatedFleetStore } from './simulated-fleet.store.js';
import { SimulatedTargets } from './simulated-targets.js';
import { listAll } from './target-asks.contract.js';
import type { Fence, InstanceOperation, SetOperation, TargetDriver } from './target.driver.js';

/** A fleet's driver, and those who do to it what no driver may. */
interface Told {
  readonly driver: TargetDriver;
  readonly targets: SimulatedTargets;
  readonly store: SimulatedFleetStore;
  readonly settings: Readonly<Record<string, unknown>> & { readonly fleet: string };
}

export interface FleetCommand {
  /** As it stands in the counterexample. */
  readonly says: string;
  run(told: Told): Promise<unknown>;
}

const INSTANCES = 4;
const METRICS = { errors: { '1.0.0': 1, '1.1.0': 4 }, load: 7 };

const aVersion = fc.constantFrom('1.0.0', '1.1.0', '1.2.0');
const aSet = fc.constantFrom('main', 'new', 'other');
// One more than there are: some are asked for that are not there, or appear.
const anIndex = fc.nat({ max: INSTANCES });
const anId = fc.tuple(aSet, anIndex).map(([set, index]) => {
  return `${set === 'main' ? 'i' : set}-${String(index).padStart(6, '0')}`;
});
const someIds = fc.uniqueArray(anId, { minLength: 1, maxLength: 4 });
const aFence = fc.record<Fence>({
  handOver: fc.integer({ min: 1, max: 2 }),
  epoch: fc.integer({ min: 1, max: 2 }),
});

const anOperation = fc
  .tuple(anId, fc.constantFrom('drain', 'bring', 'bring', 'readmit'), aVersion, fc.nat({ max: 1 }))
  .map(([instanceId, verb, version, attempt]): InstanceOperation => {
    // An id says what it asks for, so the same one always asks for the same.
    const brings = verb === 'bring' ? { version } : {};
    const id = [instanceId, attempt, verb, brings.version].join('/');
    return { id, instanceId, verb, ...brings };
  });
const someOperations = fc.uniqueArray(anOperation, {
  minLength: 1,
  maxLength: 4,
  selector: ({ instanceId }) => instanceId,
});

const aSetOperation = fc
  .tuple(
    fc.constantFrom('createSet', 'switch', 'retireSet', 'weigh'),
    aSet,
    fc.integer({ min: 1, max: INSTANCES }),
    fc.nat({ max: 1 }),
  )
  .map(([verb, set, size, attempt]): SetOperation => {
    const id = [set, attempt, verb, size].join('/');
    if (verb === 'createSet') return { id, verb, set, size };
    if (verb !== 'weigh') return { id, verb, set };
    return { id, verb, set: null, version: '1.1.0', percentage: size * 20 };
  });

// Without what hangs when it is looked at: that ends by the asker's clock alone.
const aFault = fc
  .record(
    {
      on: fc.constantFrom<SimulatedFault['on']>('DRAIN', 'BRING', 'HEALTH', 'ROLLBACK', 'SWITCH'),
      how: fc.constantFrom<SimulatedFault['how']>('FAIL', 'HANG', 'LIE', 'VANISH', 'NO_DATA'),
      instance: anIndex,
      times: fc.integer({ min: 1, max: 3 }),
    },
    { requiredKeys: ['on', 'how'] },
  )
  .map((fault): SimulatedFault => fault);

const anAlteration = fc.record(
  { runs: aVersion, admitted: fc.boolean(), up: fc.boolean(), gone: fc.boolean() },
  { requiredKeys: [] },
);

/** One command by its arguments, which its name and they tell. */
function command<T>(
  name: string,
  given: fc.Arbitrary<T>,
  run: (told: Told, given: T) => Promise<unknown>,
): fc.Arbitrary<FleetCommand> {
  return given.map((asked) => ({
    says: `${name} ${JSON.stringify(asked)}`,
    run: (told) => run(told, asked),
  }));
}

const submit = command('submit', fc.tuple(someOperations, aFence), ({ driver }, [all, fence]) =>
  driver.submit(all, fence),
);
const submitSet = command('set', fc.tuple(aSetOperation, aFence), ({ driver }, [one, fence]) =>
  driver.submitSet(one, fence),
);
const alter = command(
  'alter',
  fc.tuple(anIndex, anAlteration, fc.option(aSet, { nil: undefined })),
  ({ store, settings }, [index, change, set]) =>
    store.alter(settings.fleet, index, change as Alteration, set),
);

export const aFleetCommand: fc.Arbitrary<FleetCommand> = fc.oneof(
  { weight: 6, arbitrary: submit },
  { weight: 4, arbitrary: submitSet },
  {
    weight: 2,
    arbitrary: command('poll', someOperations, ({ driver }, all) => driver.poll(all, 0)),
  },
  command('pollSet', aSetOperation, ({ driver }, { id }) => driver.pollSet(id, 0)),
  command('list', fc.option(aSet, { nil: undefined }), ({ driver }, set) =>
    listAll(driver, set === undefined ? {} : { set }),
  ),
  command('list', someIds, ({ driver }, ids) => driver.list({ ids, limit: 10 })),
  command('list down', aSet, ({ driver }, set) => driver.list({ set, downOnly: true, limit: 10 })),
  command('room', someIds, ({ driver }, except) => driver.room(except)),
  command(
    'metric',
    fc.tuple(fc.constantFrom('errors', 'load'), someIds),
    ({ driver }, [query, ids]) => driver.metric({ query, ids }),
  ),
  {
    weight: 2,
    arbitrary: command('faults', fc.array(aFault, { maxLength: 3 }), (told, faults) =>
      told.targets.setFaults(told.settings, faults),
    ),
  },
  { weight: 2, arbitrary: alter },
  command('declare', fc.integer({ min: 1, max: INSTANCES + 1 }), (told, instances) =>
    told.targets.declare({ ...told.settings, instances }),
  ),
);

/** What each command was answered, and what the fleet is and remembers at the end. */
export async function tellFleet(
  store: SimulatedFleetStore,
  fleet: string,
  commands: readonly FleetCommand[],
): Promise<unknown[]> {
  const targets = new SimulatedTargets(store, new SystemClock());
  const settings = { fleet, version: '1.0.0', instances: INSTANCES, metrics: METRICS };
  const told: Told = { driver: targets.open(settings), targets, store, settings };
  const answers: unknown[] = [];
  for (const one of commands) {
    const answer = await one.run(told).catch((error: unknown) => String(error));
    answers.push([one.says, answer]);
  }
  const sets = await told.driver.sets();
  const all = await Promise.all(sets.map(({ name }) => listAll(told.driver, { set: name })));
  return [...answers, sets, all, await targets.history(settings)];
}
