import { describe, expect, it } from '@jest/globals';
import type { SetOperationRequest } from '#targets/agent-contract.js';
import type { Fence } from '#targets/target.driver.js';
import {
  acceptSetOperation,
  emptyFleet,
  instanceId,
  instancesOf,
  isShownAdmitted,
  portOf,
  retiringSet,
  routesOf,
  setsOf,
  withoutSet,
  withPlaces,
  withRelease,
  type FleetRecord,
} from '../src/fleet/fleet-record.js';
import { FLEET_LIMITS } from '../src/fleet-agent-limits.js';
import { operationRecord, type InstanceRecord } from '../src/fleet/instance-record.js';
import { accept, ended, operationOf } from '../src/fleet/operation-ledger.js';

const LOW: Fence = { handOver: 1, epoch: 7 };
const HIGH: Fence = { handOver: 2, epoch: 1 };
const NOW_MS = 1_000;
const PORT = 5_000;

const create = (id: string, set = 'green'): SetOperationRequest => ({
  id,
  verb: 'createSet',
  set,
  size: 2,
});
const retire = (id: string, set = 'green'): SetOperationRequest => ({ id, verb: 'retireSet', set });

/** `api` with two instances in `main`, which is live, and two in `green`. */
function twoSets(change: (instance: InstanceRecord) => InstanceRecord = running): FleetRecord {
  const main = withPlaces(emptyFleet('api', '1.0.0', 0), 'main', { size: 2, admitted: true });
  const both = withPlaces(main, 'green', { size: 2, admitted: true });
  return { ...both, instances: both.instances.map(change) };
}

function running(instance: InstanceRecord): InstanceRecord {
  const launch = { token: instance.id, version: '1.0.0', port: PORT, operationId: null };
  return { ...instance, launch };
}

function submit(fleet: FleetRecord, asked: SetOperationRequest, fence = LOW) {
  return acceptSetOperation(fleet, asked, fence, NOW_MS);
}

function withBring(fleet: FleetRecord, set: string, fence: Fence): FleetRecord {
  const asked = { id: 'bring', instanceId: '', verb: 'bring', version: '2.0.0' } as const;
  const instances = fleet.instances.map((each) =>
    each.set === set ? accept(each, operationRecord(asked, NOW_MS), fence).kept : each,
  );
  return { ...fleet, instances };
}

describe('operations on the sets of a fleet', () => {
  it('are begun once: the same id is answered with how it stands', () => {
    const first = submit(twoSets(), create('a'));
    expect(first).toMatchObject({ begins: true, state: { state: 'RUNNING' } });
    const second = submit(first.kept, create('a'));
    expect(second).toMatchObject({ begins: false, state: { state: 'RUNNING' } });
    const over = ended(second.kept.setOperations, 'a', { state: 'SUCCEEDED' });
    expect(submit({ ...second.kept, setOperations: over }, create('a'))).toMatchObject({
      begins: false,
      state: { state: 'SUCCEEDED' },
    });
  });

  it('have one highest fence, whichever set they are about', () => {
    const { kept } = submit(twoSets(), create('a', 'blue'), HIGH);
    expect(submit(kept, { id: 'b', verb: 'switch', set: 'green' })).toEqual({
      kept,
      begins: false,
      state: { id: 'b', state: 'REFUSED', fence: HIGH },
    });
  });

  it('adopt the same id under a higher fence, and refuse the lower one from then on', () => {
    const { kept } = submit(submit(twoSets(), create('a')).kept, create('a'), HIGH);
    expect(submit(kept, create('a')).state).toEqual({ id: 'a', state: 'REFUSED', fence: HIGH });
    expect(operationOf(kept.setOperations, 'a')).toEqual({ id: 'a', state: 'RUNNING' });
  });

  it.each<[string, Fence, object]>([
    ['the same fence', LOW, { state: 'FAILED', reason: 'superseded by b' }],
    ['a higher fence', HIGH, { state: 'REFUSED', fence: HIGH }],
  ])('another id under %s supersedes what runs', (_what, fence, outcome) => {
    const { kept, begins } = submit(submit(twoSets(), create('a')).kept, create('b'), fence);
    expect(begins).toBe(true);
    expect(operationOf(kept.setOperations, 'a')).toEqual({ id: 'a', ...outcome });
    expect(operationOf(kept.setOperations, 'b')).toEqual({ id: 'b', state: 'RUNNING' });
  });
});

describe('a set that is retired', () => {
  it('ends what runs on its instances, and on no others, and keeps lower fences out', () => {
    const before = withBring(withBring(twoSets(), 'green', LOW), 'main', LOW);
    const { kept } = submit(before, retire('r'), HIGH);
    expect(retiringSet(kept)).toBe('green');
    for (const instance of instancesOf(kept, 'green')) {
      expect(instance).toMatchObject({ operation: null, fence: HIGH });
      expect(operationOf(instance, 'bring')).toEqual({
        id: 'bring',
        state: 'REFUSED',
        fence: HIGH,
      });
    }
    for (const instance of instancesOf(kept, 'main')) {
      expect(operationOf(instance, 'bring')).toEqual({ id: 'bring', state: 'RUNNING' });
    }
  });

  it('is refused to whoever has a lower fence than drives its instances', () => {
    const before = withBring(twoSets(), 'green', HIGH);
    expect(submit(before, retire('r'))).toEqual({
      kept: before,
      begins: false,
      state: { id: 'r', state: 'REFUSED', fence: HIGH },
    });
  });

  it.each<[string, Partial<FleetRecord>]>([
    ['is live', { live: 'green' }],
    ['traffic is just switched to', { switchingTo: 'green' }],
  ])('does nothing to the instances of one that %s', (_what, change) => {
    const before = withBring({ ...twoSets(), ...change }, 'green', LOW);
    const { kept } = submit(before, retire('r'), HIGH);
    expect(retiringSet(kept)).toBeNull();
    expect(instancesOf(kept, 'green')).toEqual(instancesOf(before, 'green'));
  });

  it('is forgotten with its instances, whose ids are not used again', () => {
    const without = withoutSet(twoSets(), 'green');
    expect(setsOf(without)).toEqual([{ name: 'main', live: true, listed: 2 }]);
    const again = withPlaces(without, 'green', { size: 2, admitted: false });
    expect(instancesOf(again, 'green').map(({ id }) => id)).toEqual([
      'api-green-0004',
      'api-green-0005',
    ]);
  });
});

describe('places', () => {
  it('are filled up, and those that are there stay', () => {
    const before = twoSets();
    const after = withPlaces(before, 'green', { size: 3, admitted: false });
    expect(instancesOf(after, 'green').slice(0, 2)).toEqual(instancesOf(before, 'green'));
    expect(instancesOf(after, 'green')[2]).toMatchObject({ launch: null, admitted: false });
    expect(withPlaces(after, 'green', { size: 1, admitted: false })).toEqual(after);
  });

  it('have ids that sort in the order in which they were made', () => {
    const numbers = [0, 1, 9, 10, 999, 1_000, 9_999, 10_000, 10_001, 99_999, 100_000, 1_234_567];
    const ids = numbers.map((index) => instanceId('api', 'main', index));
    expect(ids.slice(0, 2)).toEqual(['api-0000', 'api-0001']);
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(numbers.length);
  });
});

it('artifacts are kept of the latest versions, a bounded number of them', () => {
  let releases: FleetRecord['releases'] = {};
  const versions = Array.from({ length: FLEET_LIMITS.releasesKept + 3 }, (_, at) => `1.${at}.0`);
  for (const version of versions) releases = withRelease(releases, version, { image: version });
  expect(Object.keys(releases)).toEqual(versions.slice(-FLEET_LIMITS.releasesKept));
  releases = withRelease(releases, '1.5.0', { image: 'anew' });
  expect(Object.keys(releases)).toHaveLength(FLEET_LIMITS.releasesKept);
  expect(releases['1.5.0']).toEqual({ image: 'anew' });
});

describe('an instance is shown as admitted', () => {
  const shown = (fleet: FleetRecord): string[] =>
    fleet.instances.filter((each) => isShownAdmitted(fleet, each)).map(({ id }) => id);

  it('only in the live set', () => {
    expect(shown(twoSets())).toEqual(['api-0000', 'api-0001']);
    expect(shown({ ...twoSets(), live: 'green' })).toEqual(['api-green-0002', 'api-green-0003']);
  });

  it('not before the proxy is known to have switched', () => {
    const switching = { ...twoSets(), switchingTo: 'green' };
    expect(shown(switching)).toEqual(['api-0000', 'api-0001']);
    expect(routesOf(switching).live).toBe('green');
  });

  it('not while it is being readmitted: the proxy may not know of it', () => {
    const asked = { id: 'o-1', verb: 'readmit', instanceId: 'api-0000' } as const;
    const operation = operationRecord(asked, NOW_MS);
    const readmitted = (state: 'RUNNING' | 'SUCCEEDED') =>
      shown(twoSets((each) => ({ ...running(each), operation: { ...operation, state } })));
    expect(readmitted('RUNNING')).toEqual([]);
    expect(readmitted('SUCCEEDED')).toEqual(['api-0000', 'api-0001']);
  });

  it.each<[string, Partial<InstanceRecord>]>([
    ['was drained', { admitted: false }],
    ['is being exchanged', { exchanging: true }],
    ['never ran', { launch: null }],
  ])('not when it %s', (_what, change) => {
    expect(shown(twoSets((each) => ({ ...running(each), ...change })))).toEqual([]);
  });
});

describe('a set answers requests', () => {
  const listening = (fleet: FleetRecord): FleetRecord => ({
    ...fleet,
    sets: fleet.sets.map((set) => ({ ...set, port: 7_000 })),
  });

  it('live or not, once one of its instances was readmitted', () => {
    const fleet = listening(twoSets());
    expect([portOf(fleet, 'main'), portOf(fleet, 'green')]).toEqual([7_000, 7_000]);
    const places = listening(twoSets((each) => each));
    expect(portOf(places, 'green')).toBeNull();
  });

  it('nowhere when it is not there, or the proxy does not listen for it yet', () => {
    expect(portOf(listening(twoSets()), 'no-such')).toBeNull();
    expect(portOf(twoSets(), 'green')).toBeNull();
  });
});
