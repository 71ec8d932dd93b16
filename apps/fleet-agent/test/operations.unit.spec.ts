import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import type { SubmitRequest } from '#targets/agent-contract.js';
import { emptyFleet, withPlaces } from '../src/fleet/fleet-record.js';
import { FleetsStore } from '../src/fleet/fleets.store.js';
import { InstanceActs, type InstanceParts } from '../src/fleet/instance-acts.runner.js';
import { Operations } from '../src/fleet/operations.runner.js';
import { instanceWork, SerialWork } from '../src/fleet/serial-work.js';

const [FLEET, ID] = ['api', 'api-0000'];
const FENCE = { handOver: 1, epoch: 1 };
const clock = new SystemClock();

let folder: string;
let store: FleetsStore;
let work: SerialWork;
let acts: WatchedActs;
let operations: Operations;

const onDisk = () => readFile(join(folder, `${FLEET}.json`), 'utf8').catch(() => '');

/** Acts that end when the test lets them, or are broken off. */
class WatchedActs extends InstanceActs {
  readonly begun: string[] = [];
  readonly endsAtMs: number[] = [];
  letGo: () => void = () => undefined;

  override async drain(_: string, __: string, endsAtMs: number, signal: AbortSignal) {
    this.begun.push(await onDisk());
    this.endsAtMs.push(endsAtMs);
    await new Promise<void>((resolve) => {
      this.letGo = resolve;
      signal.addEventListener('abort', () => resolve());
      if (signal.aborted) resolve();
    });
    return signal.aborted ? null : 3;
  }
  override async bring(fleet: string, id: string, _: unknown, signal: AbortSignal) {
    const closed = await this.drain(fleet, id, 0, signal);
    return closed === null ? 'ABORTED' : 'LISTENS';
  }
  override readmit(): Promise<string | null> {
    return Promise.reject(new Error('the disk is full'));
  }
}

function anAgent(): void {
  work = new SerialWork();
  acts = new WatchedActs(store, {} as InstanceParts, clock, silentLog);
  operations = new Operations(store, acts, work, clock, silentLog);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'operations-'));
  store = new FleetsStore(folder, clock, 10);
  const empty = emptyFleet(FLEET, '1.0.0', 0);
  store.add(withPlaces(empty, empty.live, { size: 1, admitted: true }));
  anAgent();
});
afterEach(async () => {
  await work.stop(instanceWork(FLEET, ID));
  await rm(folder, { recursive: true });
});

const drain = { verb: 'drain', instanceId: ID, drainTimeoutMs: 5_000 } as const;
const submit = (id: string, fence = FENCE) => {
  const asked = { fence, releases: {}, operations: [{ ...drain, id }] };
  return operations.submit(FLEET, asked);
};
const poll = (id: string, waitMs = 10_000) =>
  operations.poll(FLEET, { operations: [{ id, instanceId: ID }], waitMs });
async function begun(times: number): Promise<void> {
  while (acts.begun.length < times) await new Promise((turn) => setImmediate(turn));
}

describe('an operation', () => {
  it('is written down before it is begun and before it is answered', async () => {
    expect(await submit('o-1')).toEqual([{ id: 'o-1', state: 'RUNNING' }]);
    expect(await onDisk()).toContain('"o-1"');
    await begun(1);
    expect(acts.begun[0]).toContain('"o-1"');
  });

  it('is begun once, however often it is asked for', async () => {
    await Promise.all([submit('o-1'), submit('o-1')]);
    await submit('o-1', { handOver: 2, epoch: 1 });
    await begun(1);
    acts.letGo();
    expect(await poll('o-1')).toEqual([{ id: 'o-1', state: 'SUCCEEDED', closedConnections: 3 }]);
    expect(await submit('o-1')).toMatchObject([{ state: 'REFUSED' }]);
    expect(acts.begun).toHaveLength(1);
  });

  it('whose end is told has its end written down', async () => {
    await submit('o-1');
    await begun(1);
    const told = poll('o-1');
    acts.letGo();
    await told;
    expect(await onDisk()).toMatch(/"id":"o-1"[^}]*"state":"SUCCEEDED"/);
  });

  it('that the agent leaves in the middle is taken up by the next one, with the time it had', async () => {
    await submit('o-1');
    await begun(1);
    await work.stop(instanceWork(FLEET, ID));
    expect(await poll('o-1', 0)).toEqual([{ id: 'o-1', state: 'RUNNING' }]);
    const [before] = acts.endsAtMs;
    store = new FleetsStore(folder, clock, 10);
    await store.load();
    anAgent();
    operations.resume();
    await begun(1);
    expect(acts.endsAtMs).toEqual([before]);
    acts.letGo();
    expect(await poll('o-1')).toMatchObject([{ state: 'SUCCEEDED' }]);
  });

  it('that brings a version is taken up by the next agent, which knows the version still', async () => {
    const asked = { verb: 'bring', instanceId: ID, id: 'o-1', version: '1.1.0' };
    const releases = { '1.1.0': { entry: 'app.js' } };
    const request = { fence: FENCE, releases, operations: [asked] };
    await operations.submit(FLEET, request as unknown as SubmitRequest);
    await begun(1);
    await work.stop(instanceWork(FLEET, ID));
    store = new FleetsStore(folder, clock, 10);
    await store.load();
    anAgent();
    operations.resume();
    await begun(1);
    acts.letGo();
    expect(await poll('o-1')).toEqual([{ id: 'o-1', state: 'SUCCEEDED' }]);
  });

  it('gives way to the next of its instance, and has no other end than that', async () => {
    await submit('o-1');
    await begun(1);
    await submit('o-2');
    await begun(2);
    expect(await poll('o-1', 0)).toMatchObject([{ state: 'FAILED', reason: 'superseded by o-2' }]);
    acts.letGo();
    expect(await poll('o-2')).toMatchObject([{ state: 'SUCCEEDED' }]);
    expect(await poll('o-1', 0)).toMatchObject([{ state: 'FAILED' }]);
  });

  it('that breaks off fails with the reason, and one nobody knows is unknown', async () => {
    const asked = { verb: 'readmit', instanceId: ID, id: 'o-9' };
    const request = { fence: FENCE, releases: {}, operations: [asked] };
    await operations.submit(FLEET, request as unknown as SubmitRequest);
    expect(await poll('o-9')).toMatchObject([{ state: 'FAILED', reason: 'the disk is full' }]);
    expect(await poll('o-0', 0)).toEqual([{ id: 'o-0', state: 'UNKNOWN' }]);
  });
});

it('what is known of a fleet is written down although more is changed meanwhile', async () => {
  await store.save(FLEET);
  store.changeInstance(FLEET, ID, (before) => ({ ...before, admitted: false }));
  const first = store.save(FLEET);
  await new Promise((turn) => setImmediate(turn));
  store.changeInstance(FLEET, ID, (before) => ({ ...before, exchanging: true }));
  await first;
  await store.save(FLEET);
  expect(await onDisk()).toContain('"exchanging":true');
});
