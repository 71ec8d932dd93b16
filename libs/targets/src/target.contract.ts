import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ended, listAll } from './target-asks.contract.js';
import { describeReports, describeSets } from './target-sets.contract.js';
import type {
  Capabilities,
  Fence,
  InstanceOperation,
  ObservedInstance,
  OperationState,
  TargetDriver,
} from './target.driver.js';

/** A target with one set of five instances on 1.0.0, all admitted and healthy. */
export interface TargetUnderTest {
  /** Read anew after a `restart`. */
  readonly driver: TargetDriver;
  artifactsOf(version: string): Readonly<Record<string, string>>;
  /** From now on a bring of this instance to `slowVersion` does not end by itself for a while. */
  makeSlow(instanceId: string): Promise<void>;
  readonly slowVersion: string;
  /** The outside world takes this instance away. */
  vanish(instanceId: string): Promise<void>;
  /** Stops what serves the target and starts it again on what it had kept. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const FENCE: Fence = { handOver: 1, epoch: 1 };
const HIGHER_EPOCH: Fence = { handOver: 1, epoch: 2 };
const HIGHER_HAND_OVER: Fence = { handOver: 2, epoch: 1 };
const TEST_LIMIT_MS = 90_000;
const ALL_CAPABILITIES: Capabilities = { sets: true, weights: true, backups: true, metrics: true };

/**
 * What every target must do, whatever its instances are.
 * @param can what the driver says that it can do; the rest is skipped
 */
export function describeTarget(
  name: string,
  start: () => Promise<TargetUnderTest>,
  can: Capabilities = ALL_CAPABILITIES,
): void {
  // Real processes on a busy machine: no test waits for time to pass, all have room to be slow.
  jest.setTimeout(TEST_LIMIT_MS);

  describe(`${name} keeps the target contract`, () => {
    let target: TargetUnderTest;
    let ids: string[];

    beforeEach(async () => {
      target = await start();
      ids = (await listAll(target.driver)).map((instance) => instance.id);
    }, TEST_LIMIT_MS);

    afterEach(async () => {
      await target.close();
    }, TEST_LIMIT_MS);

    const id = (position: number): string => ids[position] ?? `no instance ${position}`;
    const drain = (position: number, of = 'e/1'): InstanceOperation => ({
      id: `${of}/${position}/drain`,
      instanceId: id(position),
      verb: 'drain',
      drainTimeoutMs: 5_000,
    });
    const bring = (position: number, version: string, of = 'e/1'): InstanceOperation => ({
      id: `${of}/${position}/bring`,
      instanceId: id(position),
      verb: 'bring',
      version,
      artifacts: target.artifactsOf(version),
    });
    const readmit = (position: number, of = 'e/1'): InstanceOperation => ({
      id: `${of}/${position}/readmit`,
      instanceId: id(position),
      verb: 'readmit',
    });
    const run = async (
      operations: InstanceOperation[],
      fence: Fence = FENCE,
    ): Promise<OperationState[]> =>
      ended(target.driver, operations, await target.driver.submit(operations, fence));
    const look = async (position: number): Promise<ObservedInstance | undefined> =>
      (await target.driver.list({ ids: [id(position)], limit: 1 })).instances[0];

    describe('listing', () => {
      it('shows all instances in pages ordered by id', async () => {
        const first = await target.driver.list({ limit: 2 });
        expect(first.instances).toHaveLength(2);
        expect(first.nextCursor).not.toBeNull();
        expect(ids).toHaveLength(5);
        expect(ids).toEqual([...ids].sort());
      });

      it('shows what each instance runs and that it is up', async () => {
        expect(await look(0)).toEqual({
          id: id(0),
          version: '1.0.0',
          admitted: true,
          healthy: true,
          problem: null,
        });
      });

      it('shows the asked-for ids alone, and leaves out those that are not there', async () => {
        const page = await target.driver.list({ ids: [id(3), 'no-such', id(1)], limit: 3 });
        expect(page.instances.map((instance) => instance.id)).toEqual([id(1), id(3)]);
        expect(page.nextCursor).toBeNull();
      });

      it('shows only the down ones when asked to', async () => {
        await run([drain(2)]);
        const page = await target.driver.list({ downOnly: true, limit: 10 });
        expect(page.instances.map((instance) => instance.id)).toEqual([id(2)]);
      });
    });

    describe('room', () => {
      it('counts all, and as down those not admitted, without the excepted', async () => {
        expect(await target.driver.room([])).toMatchObject({ listed: 5, down: 0 });
        await run([drain(1), drain(3)]);
        expect(await target.driver.room([])).toMatchObject({ listed: 5, down: 2 });
        expect(await target.driver.room([id(1)])).toMatchObject({ listed: 5, down: 1 });
      });
    });

    describe('operations', () => {
      it('drain, bring and readmit move an instance to another version', async () => {
        expect(await run([drain(0)])).toMatchObject([{ id: drain(0).id, state: 'SUCCEEDED' }]);
        expect(await look(0)).toMatchObject({ admitted: false });
        expect(await run([bring(0, '1.1.0')])).toMatchObject([{ state: 'SUCCEEDED' }]);
        expect(await look(0)).toMatchObject({ version: '1.1.0', admitted: false, healthy: true });
        expect(await run([readmit(0)])).toMatchObject([{ state: 'SUCCEEDED' }]);
        expect(await look(0)).toMatchObject({ version: '1.1.0', admitted: true, healthy: true });
        expect(await look(1)).toMatchObject({ version: '1.0.0', admitted: true });
      });

      it('answers one state for each operation, in order', async () => {
        const operations = [drain(4), drain(0), drain(2)];
        const states = await run(operations);
        expect(states.map((state) => state.id)).toEqual(operations.map((each) => each.id));
      });

      it('says of an operation nobody submitted that it is unknown', async () => {
        expect(await target.driver.poll([drain(0)], 0)).toEqual([
          { id: drain(0).id, state: 'UNKNOWN' },
        ]);
      });

      it('fails an operation on an instance that is not there as vanished', async () => {
        const operation = { ...drain(0), instanceId: 'no-such' };
        expect(await target.driver.submit([operation], FENCE)).toMatchObject([
          { state: 'FAILED', vanished: true },
        ]);
      });

      it('begins a repeated id once: a second drain does not undo a readmission', async () => {
        await run([drain(0)]);
        await run([readmit(0)]);
        expect(await run([readmit(0)])).toMatchObject([{ state: 'SUCCEEDED' }]);
        await run([bring(1, '1.1.0')]);
        expect(await run([bring(1, '1.1.0')])).toMatchObject([{ state: 'SUCCEEDED' }]);
        expect(await look(0)).toMatchObject({ admitted: true });
      });

      it('begins an operation once that is submitted many times at once', async () => {
        await target.makeSlow(id(0));
        await run([drain(0)]);
        const slow = bring(0, target.slowVersion);
        const quick = bring(1, '1.1.0');
        const submitted = [1, 2, 3].map(() => target.driver.submit([slow, quick], FENCE));
        // One begun again would have cut short the one before, or would not be slow any more.
        for (const states of await Promise.all(submitted)) {
          expect(states[0]).toMatchObject({ state: 'RUNNING' });
          const [state] = await ended(target.driver, [quick], states.slice(1));
          expect(state).toMatchObject({ state: 'SUCCEEDED' });
        }
        expect(await target.driver.poll([slow], 0)).toMatchObject([{ state: 'RUNNING' }]);
        await run([bring(0, '1.0.0', 'e/2')], HIGHER_EPOCH);
      });

      it('answers a repeated id of the operation before the last from memory', async () => {
        await run([drain(0)]);
        await run([readmit(0)]);
        expect(await run([drain(0)])).toMatchObject([{ state: 'SUCCEEDED' }]);
        expect(await look(0)).toMatchObject({ admitted: true });
      });
    });

    describe('fences', () => {
      it('refuses a lower fence with the one it knows, by hand-over before epoch', async () => {
        await run([drain(0)], HIGHER_HAND_OVER);
        const late = [bring(0, '1.1.0')];
        expect(await target.driver.submit(late, { handOver: 1, epoch: 9 })).toEqual([
          { id: late[0]?.id, state: 'REFUSED', fence: HIGHER_HAND_OVER },
        ]);
        expect(await look(0)).toMatchObject({ version: '1.0.0' });
      });

      it('keeps a fence for each instance', async () => {
        await run([drain(0)], HIGHER_HAND_OVER);
        expect(await run([drain(1)], FENCE)).toMatchObject([{ state: 'SUCCEEDED' }]);
      });

      it('adopts the same id under a higher fence, and refuses the lower one from then on', async () => {
        await run([drain(0)], FENCE);
        expect(await run([drain(0)], HIGHER_EPOCH)).toMatchObject([{ state: 'SUCCEEDED' }]);
        expect(await target.driver.submit([drain(0)], FENCE)).toMatchObject([
          { state: 'REFUSED', fence: HIGHER_EPOCH },
        ]);
      });

      it('lets another id under a higher fence supersede what runs', async () => {
        await target.makeSlow(id(0));
        await run([drain(0)]);
        const slow = bring(0, target.slowVersion);
        expect(await target.driver.submit([slow], FENCE)).toMatchObject([{ state: 'RUNNING' }]);
        const other = bring(0, '1.0.0', 'e/rollback');
        expect(await run([other], HIGHER_HAND_OVER)).toMatchObject([{ state: 'SUCCEEDED' }]);
        expect(await look(0)).toMatchObject({ version: '1.0.0', healthy: true });
        expect(await target.driver.poll([slow], 0)).toMatchObject([
          { state: 'REFUSED', fence: HIGHER_HAND_OVER },
        ]);
      });

      it('of two owners at once has the higher one the instance, whoever comes first', async () => {
        const older = (at: number) => run([bring(at, '1.1.0', 'e/older')], FENCE);
        const newer = (at: number) => run([bring(at, '1.0.0', 'e/newer')], HIGHER_HAND_OVER);
        const [[first], second, third, [last]] = await Promise.all([
          ...([older(0), newer(0)] as const),
          ...([newer(1), older(1)] as const),
        ]);
        expect([...second, ...third]).toMatchObject([
          { state: 'SUCCEEDED' },
          { state: 'SUCCEEDED' },
        ]);
        // Refused, cut short, or done before.
        for (const late of [first, last]) expect(['REFUSED', 'SUCCEEDED']).toContain(late?.state);
        for (const at of [0, 1]) {
          expect(await look(at)).toMatchObject({ version: '1.0.0', healthy: true });
          expect(await target.driver.submit([drain(at, 'e/older')], FENCE)).toMatchObject([
            { state: 'REFUSED', fence: HIGHER_HAND_OVER },
          ]);
        }
      });

      it('a slow instance does not hold up the others of its batch', async () => {
        await target.makeSlow(id(0));
        const batch = [bring(0, target.slowVersion), bring(1, '1.1.0')];
        const first = await target.driver.submit(batch, FENCE);
        const quick = await ended(target.driver, [batch[1] as InstanceOperation], [first[1]]);
        expect(quick).toMatchObject([{ state: 'SUCCEEDED' }]);
        expect(await target.driver.poll(batch, 0)).toMatchObject([
          { state: 'RUNNING' },
          { state: 'SUCCEEDED' },
        ]);
        await run([bring(0, '1.0.0', 'e/2')], HIGHER_EPOCH);
      });
    });

    it('says what it can do', async () => {
      expect(await target.driver.capabilities()).toEqual(can);
    });

    it('leaves an instance alone that is brought to the version it runs', async () => {
      expect(await run([bring(0, '1.0.0')])).toMatchObject([{ state: 'SUCCEEDED' }]);
      expect(await look(0)).toMatchObject({ version: '1.0.0', admitted: true, healthy: true });
    });

    (can.sets ? describe : describe.skip)('sets', () => {
      describeSets(() => target, can);
    });

    describe('reports', () => {
      describeReports(() => target, can);
    });

    it('keeps fences, outcomes and instances across its own restart', async () => {
      await run([drain(0), drain(1)], HIGHER_EPOCH);
      await run([bring(0, '1.1.0')], HIGHER_EPOCH);
      await target.restart();
      expect(await run([bring(0, '1.1.0')], HIGHER_EPOCH)).toMatchObject([{ state: 'SUCCEEDED' }]);
      expect(await target.driver.poll([drain(1)], 0)).toMatchObject([{ state: 'SUCCEEDED' }]);
      expect(await target.driver.submit([readmit(1)], FENCE)).toMatchObject([
        { state: 'REFUSED', fence: HIGHER_EPOCH },
      ]);
      expect(await look(0)).toMatchObject({ version: '1.1.0', admitted: false, healthy: true });
      expect(await look(1)).toMatchObject({ version: '1.0.0', admitted: false });
      expect(await look(2)).toMatchObject({ version: '1.0.0', admitted: true, healthy: true });
    });

    it('lists and counts a vanished instance no more, and fails what is asked of it', async () => {
      await target.vanish(id(1));
      expect(await look(1)).toBeUndefined();
      expect(await listAll(target.driver)).toHaveLength(4);
      expect(await target.driver.room([])).toMatchObject({ listed: 4, down: 0 });
      expect(await target.driver.submit([drain(1)], FENCE)).toMatchObject([
        { state: 'FAILED', vanished: true },
      ]);
    });
  });
}
