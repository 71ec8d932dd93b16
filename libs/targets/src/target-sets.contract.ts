import { expect, it } from '@jest/globals';
import { ended, listAll, setEnded } from './target-asks.contract.js';
import type { TargetUnderTest } from './target.contract.js';
import type {
  Capabilities,
  Fence,
  InstanceOperation,
  InstanceVerb,
  OperationState,
  SetOperation,
  SetVerb,
} from './target.driver.js';

const FENCE: Fence = { handOver: 1, epoch: 1 };
const HIGHER_EPOCH: Fence = { handOver: 1, epoch: 2 };
const HIGHER_HAND_OVER: Fence = { handOver: 2, epoch: 1 };
const NEW = 'e-new';
const SIZE = 3;

/** What is asked of a target with a set beside the first one. */
class TwoSets {
  readonly #target: () => TargetUnderTest;

  constructor(target: () => TargetUnderTest) {
    this.#target = target;
  }

  get driver() {
    return this.#target().driver;
  }

  get slowVersion(): string {
    return this.#target().slowVersion;
  }

  makeSlow(id: string): Promise<void> {
    return this.#target().makeSlow(id);
  }

  restart(): Promise<void> {
    return this.#target().restart();
  }

  /** The name of the set that is live. */
  async live(): Promise<string> {
    const live = (await this.driver.sets()).filter((set) => set.live);
    expect(live).toHaveLength(1);
    return live[0]?.name ?? '';
  }

  run(verb: SetVerb, set: string, more: Asked = {}): Promise<OperationState> {
    const { fence = FENCE, ...asked } = more;
    return setEnded(this.driver, operationOf(verb, set, asked), fence);
  }

  async ids(set: string): Promise<string[]> {
    return (await listAll(this.driver, { set })).map((instance) => instance.id);
  }

  async each(
    verb: InstanceVerb,
    set: string,
    version: string | null = null,
    fence = FENCE,
  ): Promise<void> {
    const operations = (await this.ids(set)).map((id) => this.on(id, verb, version));
    const states = await this.driver.submit(operations, fence);
    for (const state of await ended(this.driver, operations, states)) {
      expect(state).toMatchObject({ state: 'SUCCEEDED' });
    }
  }

  on(instanceId: string, verb: InstanceVerb, version: string | null): InstanceOperation {
    const artifacts = version === null ? undefined : this.#target().artifactsOf(version);
    const what = version === null || artifacts === undefined ? {} : { version, artifacts };
    return { id: `e/${instanceId}/${verb}/${version ?? ''}`, instanceId, verb, ...what };
  }

  /** A new set of SIZE instances on 1.1.0, brought and readmitted. */
  async standby(): Promise<void> {
    expect(await this.run('createSet', NEW, { size: SIZE })).toMatchObject({ state: 'SUCCEEDED' });
    await this.each('bring', NEW, '1.1.0');
    await this.each('readmit', NEW);
  }

  /** How many of a set are admitted, as one look at all of them shows. */
  async admitted(...sets: string[]): Promise<number[]> {
    const all = await Promise.all(sets.map((set) => this.ids(set)));
    return this.admittedOf(all);
  }

  /** Looks at all of them while something is done; answers what was seen, once each. */
  async seenWhile(all: readonly string[][], done: () => Promise<void>): Promise<string[]> {
    const seen = new Set<string>();
    const over = new AbortController();
    const watching = (async () => {
      while (!over.signal.aborted) {
        seen.add(String(await this.admittedOf(all)));
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await done().finally(() => {
      over.abort();
    });
    await watching;
    return [...seen];
  }

  async admittedOf(all: readonly string[][]): Promise<number[]> {
    const ids = all.flat();
    const { instances } = await this.driver.list({ ids, limit: ids.length });
    const open = new Set(instances.filter(({ admitted }) => admitted).map(({ id }) => id));
    return all.map((of) => of.filter((id) => open.has(id)).length);
  }
}

type Asked = Partial<Omit<SetOperation, 'verb' | 'set'>> & { readonly fence?: Fence };

function operationOf(
  verb: SetVerb,
  set: string | null,
  asked: Partial<SetOperation>,
): SetOperation {
  const drain = verb === 'retireSet' ? { drainTimeoutMs: 5_000 } : {};
  return { id: `e/1/${verb}`, verb, set, ...drain, ...asked };
}

/** What a target must do that can run a second set beside the first. */
export function describeSets(target: () => TargetUnderTest, can: Capabilities): void {
  const sets = new TwoSets(target);

  it('there is one at first, and it is live', async () => {
    expect(await sets.driver.sets()).toEqual([
      { name: expect.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/), live: true, listed: 5 },
    ]);
  });

  it('a new one is so many places, in which nothing runs', async () => {
    const old = await sets.live();
    expect(await sets.run('createSet', NEW, { size: SIZE })).toMatchObject({ state: 'SUCCEEDED' });
    const both = [
      { name: NEW, live: false, listed: SIZE },
      { name: old, live: true, listed: 5 },
    ];
    expect(await sets.driver.sets()).toEqual(both.sort((a, b) => (a.name < b.name ? -1 : 1)));
    const places = await listAll(sets.driver, { set: NEW });
    expect(places).toHaveLength(SIZE);
    for (const { id, ...place } of places) {
      expect(place).toMatchObject({ version: null, healthy: false, admitted: false });
      expect(place.problem).toEqual(expect.any(String));
      expect(id).toMatch(NEW);
    }
    const down = await sets.driver.list({ set: NEW, downOnly: true, limit: 10 });
    expect(down.instances).toHaveLength(SIZE);
  });

  it('are listed by name and by ids, else the live one', async () => {
    const old = await sets.live();
    await sets.run('createSet', NEW, { size: SIZE });
    const [first, second] = [await sets.ids(old), await sets.ids(NEW)];
    expect(second).toEqual([...second].sort());
    expect(new Set([...first, ...second]).size).toBe(5 + SIZE);
    expect((await listAll(sets.driver)).map(({ id }) => id)).toEqual(first);
    const some = [first[0] ?? '', second[1] ?? ''];
    const page = await sets.driver.list({ ids: some, limit: 2 });
    expect(page.instances.map(({ id }) => id)).toEqual([...some].sort());
    const ofOne = await sets.driver.list({ ids: some, set: NEW, limit: 2 });
    expect(ofOne.instances.map(({ id }) => id)).toEqual([second[1]]);
    expect(await sets.ids('no-such')).toEqual([]);
  });

  it('one that stands by neither counts in the room nor is admitted', async () => {
    await sets.standby();
    expect(await sets.driver.room([])).toMatchObject({ listed: 5, down: 0 });
    for (const instance of await listAll(sets.driver, { set: NEW })) {
      expect(instance).toMatchObject({ version: '1.1.0', healthy: true, admitted: false });
    }
  });

  it('traffic is switched in one act, and back', async () => {
    const old = await sets.live();
    await sets.standby();
    const all = [await sets.ids(old), await sets.ids(NEW)];
    const seen = await sets.seenWhile(all, async () => {
      expect(await sets.run('switch', NEW)).toMatchObject({ state: 'SUCCEEDED' });
      expect(await sets.admittedOf(all)).toEqual([0, SIZE]);
      expect(await sets.driver.room([])).toMatchObject({ listed: SIZE, down: 0 });
      expect((await listAll(sets.driver)).map(({ id }) => id)).toEqual(all[1]);
      const back = await sets.run('switch', old, { id: 'e/2/switch', fence: HIGHER_HAND_OVER });
      expect(back).toMatchObject({ state: 'SUCCEEDED' });
    });
    expect(await sets.admittedOf(all)).toEqual([5, 0]);
    for (const each of seen) expect(['5,0', `0,${SIZE}`]).toContain(each);
  });

  it('a switch to the live one is done already', async () => {
    const old = await sets.live();
    expect(await sets.run('switch', old)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await sets.admitted(old)).toEqual([5]);
  });

  it('a switch to one where nobody could serve fails, and traffic stays', async () => {
    const old = await sets.live();
    expect(await sets.run('switch', 'no-such')).toMatchObject({ state: 'FAILED' });
    await sets.run('createSet', NEW, { size: 1 });
    const empty = await sets.run('switch', NEW, { id: 'e/2/switch' });
    expect(empty).toMatchObject({ state: 'FAILED', reason: expect.any(String) });
    await sets.each('bring', NEW, '1.1.0');
    const shut = await sets.run('switch', NEW, { id: 'e/3/switch' });
    expect(shut).toMatchObject({ state: 'FAILED', reason: expect.any(String) });
    expect(await sets.live()).toBe(old);
    expect(await sets.admitted(old, NEW)).toEqual([5, 0]);
  });

  it('the old one goes when it is retired, and the live one stays', async () => {
    const old = await sets.live();
    await sets.standby();
    expect(await sets.run('retireSet', old)).toMatchObject({ state: 'FAILED' });
    expect(await sets.admitted(old)).toEqual([5]);
    await sets.run('switch', NEW);
    const ids = await sets.ids(old);
    expect(await sets.run('retireSet', old, { id: 'e/2/retireSet' })).toMatchObject({
      state: 'SUCCEEDED',
    });
    expect(await sets.driver.sets()).toEqual([{ name: NEW, live: true, listed: SIZE }]);
    expect(await sets.ids(old)).toEqual([]);
    expect(await sets.driver.list({ ids, limit: 5 })).toEqual({ instances: [], nextCursor: null });
    expect(await sets.admitted(NEW)).toEqual([SIZE]);
    const again = await sets.run('retireSet', old, { id: 'e/3/retireSet' });
    expect(again).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('retiring one ends what runs on its instances', async () => {
    await sets.run('createSet', NEW, { size: 1 });
    const [id = ''] = await sets.ids(NEW);
    await sets.makeSlow(id);
    const slow = sets.on(id, 'bring', sets.slowVersion);
    expect(await sets.driver.submit([slow], FENCE)).toMatchObject([{ state: 'RUNNING' }]);
    const retired = await sets.run('retireSet', NEW, { fence: HIGHER_HAND_OVER });
    expect(retired).toMatchObject({ state: 'SUCCEEDED' });
    const [state] = await sets.driver.poll([slow], 0);
    expect(['FAILED', 'REFUSED']).toContain(state?.state);
    expect(await sets.driver.submit([slow], HIGHER_HAND_OVER)).toMatchObject([
      { state: 'FAILED', vanished: true },
    ]);
  });

  it('one that is there already is adopted and filled up', async () => {
    await sets.run('createSet', NEW, { size: 1 });
    await sets.each('bring', NEW, '1.1.0');
    const more = await sets.run('createSet', NEW, { id: 'e/2/createSet', size: SIZE });
    expect(more).toMatchObject({ state: 'SUCCEEDED' });
    const versions = (await listAll(sets.driver, { set: NEW })).map(({ version }) => version);
    expect(versions).toEqual(['1.1.0', null, null]);
  });

  it('an operation is begun once, adopted under a higher fence, refused under a lower', async () => {
    const old = await sets.live();
    await sets.standby();
    await sets.run('switch', NEW);
    await sets.run('switch', old, { id: 'e/2/switch' });
    const again = await sets.run('switch', NEW, { fence: HIGHER_EPOCH });
    expect(again).toMatchObject({ state: 'SUCCEEDED' });
    expect(await sets.live()).toBe(old);
    const late = operationOf('retireSet', NEW, { id: 'e/late' });
    const refused = { id: 'e/late', state: 'REFUSED', fence: HIGHER_EPOCH };
    expect(await sets.driver.submitSet(late, FENCE)).toEqual(refused);
    expect(await sets.driver.submitSet(late, { handOver: 0, epoch: 9 })).toEqual(refused);
    expect(await sets.ids(NEW)).toHaveLength(SIZE);
  });

  it('an operation that nobody submitted is unknown', async () => {
    expect(await sets.driver.pollSet('e/1/switch', 0)).toEqual({
      id: 'e/1/switch',
      state: 'UNKNOWN',
    });
  });

  it('are kept across a restart, with their fence and what was done to them', async () => {
    await sets.standby();
    await sets.run('switch', NEW, { fence: HIGHER_EPOCH });
    const before = await sets.driver.sets();
    await sets.restart();
    expect(await sets.driver.sets()).toEqual(before);
    expect(await sets.admitted(NEW)).toEqual([SIZE]);
    expect(await sets.driver.pollSet('e/1/switch', 0)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await sets.driver.pollSet('e/1/createSet', 0)).toMatchObject({ state: 'SUCCEEDED' });
    const late = operationOf('createSet', 'late', { size: 1, id: 'e/late' });
    expect(await sets.driver.submitSet(late, FENCE)).toMatchObject({
      state: 'REFUSED',
      fence: HIGHER_EPOCH,
    });
    expect(await sets.driver.sets()).toEqual(before);
  });

  (can.weights ? it : it.skip)('requests are weighed by version, and evenly again', async () => {
    const weigh = operationOf('weigh', null, { version: '1.1.0', percentage: 20 });
    expect(await setEnded(sets.driver, weigh, FENCE)).toMatchObject({ state: 'SUCCEEDED' });
    const even = operationOf('weigh', null, { version: '1.1.0', percentage: null, id: 'e/2' });
    expect(await setEnded(sets.driver, even, FENCE)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await sets.admitted(await sets.live())).toEqual([5]);
  });
}

/** What a target tells of itself beside its instances. */
export function describeReports(target: () => TargetUnderTest, can: Capabilities): void {
  (can.backups ? it : it.skip)('tells of its backups, the latest first', async () => {
    const backups = await target().driver.backups();
    const times = backups.map(({ takenAtMs }) => takenAtMs);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(backups.length).toBeLessThanOrEqual(100);
  });

  (can.metrics ? it : it.skip)('has no data of a metric nobody knows', async () => {
    const { driver } = target();
    const ids = (await driver.list({ limit: 5 })).instances.map(({ id }) => id);
    expect(await driver.metric({ query: 'no_such_metric', ids })).toBeNull();
  });

  it('answers requests at an address, or none', async () => {
    const { driver } = target();
    const address = await driver.address(null);
    if (address !== null) expect(new URL(address).protocol).toMatch(/^https?:$/);
    expect(await driver.address('no-such')).toBeNull();
  });
}
