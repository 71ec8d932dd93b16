import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { silentLog } from '#runtime/log.js';
import type { SetOperationRequest } from '#targets/agent-contract.js';
import { emptyFleet } from '../src/fleet/fleet-record.js';
import { FleetsStore } from '../src/fleet/fleets.store.js';
import { SerialWork, setWork } from '../src/fleet/serial-work.js';
import { SetActs, type SetParts } from '../src/fleet/set-acts.runner.js';
import { SetOperations } from '../src/fleet/set-operations.runner.js';

const FLEET = 'api';
const BEGAN_MS = 1_000;

let acted: unknown[];
class WatchedSetActs extends SetActs {
  override retire(...[, set, endsAtMs]: Parameters<SetActs['retire']>) {
    acted.push([set, endsAtMs]);
    return Promise.resolve({});
  }
  override weigh(...[, share]: Parameters<SetActs['weigh']>) {
    acted.push(share);
    return Promise.resolve({});
  }
}
class KeptStore extends FleetsStore {
  override save(): Promise<void> {
    return Promise.resolve();
  }
}

let clock: SteppedClock;
let store: KeptStore;
let work: SerialWork;
beforeEach(() => {
  acted = [];
  clock = new SteppedClock(BEGAN_MS);
  store = new KeptStore('/nowhere', clock, 10);
  store.add(emptyFleet(FLEET, '1.0.0', 0));
  work = new SerialWork();
});
afterEach(() => work.stop(setWork(FLEET)));

/** An agent that has come up by now. */
const anAgent = (): SetOperations =>
  new SetOperations(store, new WatchedSetActs(store, {} as SetParts), work, clock, silentLog);

async function submit(operation: SetOperationRequest): Promise<void> {
  await anAgent().submit(FLEET, { fence: { handOver: 1, epoch: 1 }, operation });
  await clock.settle();
}

it('a retirement that the next agent takes up has the time that is left of its own', async () => {
  await submit({ id: 'o-1', verb: 'retireSet', set: 'green', drainTimeoutMs: 30_000 });
  store.change(FLEET, (fleet) => {
    const { operation } = fleet.setOperations;
    const running = operation && { ...operation, state: 'RUNNING' as const };
    return { ...fleet, setOperations: { ...fleet.setOperations, operation: running } };
  });
  await clock.advance(10_000);
  anAgent().resume();
  await clock.settle();
  expect(acted).toEqual([
    ['green', BEGAN_MS + 30_000],
    ['green', BEGAN_MS + 30_000],
  ]);
});

it('traffic is weighed by a version and its share, and evened where there is no share', async () => {
  await submit({ id: 'o-1', verb: 'weigh', version: '1.1.0', percentage: 10 });
  await submit({ id: 'o-2', verb: 'weigh', version: '1.1.0', percentage: null });
  expect(acted).toEqual([{ version: '1.1.0', percentage: 10 }, null]);
});
