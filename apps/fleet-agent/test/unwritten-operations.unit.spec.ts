import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { emptyFleet, withPlaces } from '../src/fleet/fleet-record.js';
import { FleetsStore } from '../src/fleet/fleets.store.js';
import { InstanceActs, type InstanceParts } from '../src/fleet/instance-acts.runner.js';
import { Operations } from '../src/fleet/operations.runner.js';
import { instanceWork, SerialWork, setWork } from '../src/fleet/serial-work.js';
import { SetActs, type SetParts } from '../src/fleet/set-acts.runner.js';
import { SetOperations } from '../src/fleet/set-operations.runner.js';

const [FLEET, ID] = ['api', 'api-0000'];
const FENCE = { handOver: 1, epoch: 1 };
const clock = new SystemClock();

/** A store whose disk is full when the test says so. */
class FullStore extends FleetsStore {
  isFull = false;

  override save(): Promise<void> {
    return this.isFull ? Promise.reject(new Error('ENOSPC')) : Promise.resolve();
  }
}

/** Acts that end when the test lets them. */
const begun: string[] = [];
let letGo: () => void = () => undefined;
function acted(what: string): Promise<void> {
  begun.push(what);
  return new Promise<void>((resolve) => (letGo = resolve));
}
class WatchedActs extends InstanceActs {
  override async readmit(): Promise<null> {
    await acted('readmit');
    return null;
  }
}
class WatchedSetActs extends SetActs {
  override async create(): Promise<Record<string, never>> {
    await acted('create');
    return {};
  }
}

let store: FullStore;
let work: SerialWork;
let operations: Operations;
let setOperations: SetOperations;

beforeEach(() => {
  begun.length = 0;
  store = new FullStore('/nowhere', clock, 10);
  const empty = emptyFleet(FLEET, '1.0.0', 0);
  store.add(withPlaces(empty, empty.live, { size: 1, admitted: true }));
  work = new SerialWork();
  const acts = new WatchedActs(store, {} as InstanceParts, clock, silentLog);
  operations = new Operations(store, acts, work, clock, silentLog);
  const setActs = new WatchedSetActs(store, {} as SetParts);
  setOperations = new SetOperations(store, setActs, work, clock, silentLog);
});
afterEach(async () => {
  letGo();
  await work.stop(instanceWork(FLEET, ID));
  await work.stop(setWork(FLEET));
});

const KINDS = {
  'an instance': {
    submit: (id: string) =>
      operations.submit(FLEET, {
        fence: FENCE,
        releases: {},
        operations: [{ verb: 'readmit', instanceId: ID, id }],
      }),
    poll: (id: string) =>
      operations.poll(FLEET, { operations: [{ id, instanceId: ID }], waitMs: 5_000 }),
  },
  'a set': {
    submit: async (id: string) => [
      await setOperations.submit(FLEET, {
        fence: FENCE,
        operation: { verb: 'createSet', id, set: 'green', size: 1 },
      }),
    ],
    poll: async (id: string) => [await setOperations.poll(FLEET, { id, waitMs: 5_000 })],
  },
};
async function begins(times: number): Promise<void> {
  for (let turns = 0; turns < 100; turns += 1) await new Promise((turn) => setImmediate(turn));
  expect(begun).toHaveLength(times);
}

describe.each(Object.entries(KINDS))('an operation on %s', (_, { submit, poll }) => {
  it('that cannot be written down is not begun, and is when it is asked for again', async () => {
    store.isFull = true;
    await expect(submit('o-1')).rejects.toThrow('ENOSPC');
    expect(begun).toEqual([]);
    store.isFull = false;
    expect(await submit('o-1')).toEqual([{ id: 'o-1', state: 'RUNNING' }]);
    await begins(1);
    letGo();
    expect(await poll('o-1')).toEqual([{ id: 'o-1', state: 'SUCCEEDED' }]);
    await submit('o-1');
    expect(begun).toHaveLength(1);
  });

  it('whose end cannot be written down has ended, and is told once it can', async () => {
    await submit('o-1');
    await begins(1);
    store.isFull = true;
    const told = poll('o-1');
    letGo();
    await expect(told).rejects.toThrow('ENOSPC');
    store.isFull = false;
    expect(await poll('o-1')).toEqual([{ id: 'o-1', state: 'SUCCEEDED' }]);
    await submit('o-2');
    await begins(2);
  });
});
