import { describe, expect, it } from '@jest/globals';
import { Coalescer, OverloadedError } from './coalescer.js';

/** A flush that ends when the test says so. */
function gatedFlush(): {
  groups: number[][];
  flush: (items: number[]) => Promise<number[]>;
  release: () => void;
} {
  const groups: number[][] = [];
  let release = (): void => undefined;
  return {
    groups,
    flush: (items) => {
      groups.push(items);
      return new Promise((resolve) => {
        release = () => {
          resolve(items.map((item) => item * 10));
        };
      });
    },
    release: () => {
      release();
    },
  };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

describe('a coalescer', () => {
  it('hands over together what was pushed in one turn, and gives everybody their own answer', async () => {
    const groups: number[][] = [];
    const coalescer = new Coalescer<number, number>(
      (items) => {
        groups.push(items);
        return Promise.resolve(items.map((item) => item * 10));
      },
      { maxGroup: 10, maxQueue: 10 },
    );
    await expect(Promise.all([1, 2, 3].map((item) => coalescer.push(item)))).resolves.toEqual([
      10, 20, 30,
    ]);
    expect(groups).toEqual([[1, 2, 3]]);
  });

  it('gathers the next group while one is under way, one at a time and in order', async () => {
    const { groups, flush, release } = gatedFlush();
    const coalescer = new Coalescer(flush, { maxGroup: 2, maxQueue: 10 });
    const first = coalescer.push(1);
    await turns();
    const rest = [2, 3, 4].map((item) => coalescer.push(item));
    await turns();
    expect(groups).toEqual([[1]]);
    release();
    await expect(first).resolves.toBe(10);
    await turns();
    expect(groups).toEqual([[1], [2, 3]]);
    release();
    await turns();
    release();
    await expect(Promise.all(rest)).resolves.toEqual([20, 30, 40]);
    expect(groups).toEqual([[1], [2, 3], [4]]);
    await coalescer.idle();
  });

  it('refuses what goes over the queue and takes again when there is room', async () => {
    const { flush, release } = gatedFlush();
    const coalescer = new Coalescer(flush, { maxGroup: 1, maxQueue: 2 });
    const under = coalescer.push(1);
    await turns();
    const waiting = [coalescer.push(2), coalescer.push(3)];
    await expect(coalescer.push(4)).rejects.toBeInstanceOf(OverloadedError);
    release();
    await under;
    await turns();
    const late = coalescer.push(5);
    for (let group = 0; group < 3; group += 1) {
      release();
      await turns();
    }
    await expect(Promise.all([...waiting, late])).resolves.toEqual([20, 30, 50]);
  });

  it('bounds a group and the queue by weight; a heavy item goes alone', async () => {
    const { groups, flush, release } = gatedFlush();
    const coalescer = new Coalescer(flush, {
      maxGroup: 10,
      maxQueue: 10,
      weigh: (item) => item,
      maxGroupWeight: 10,
      maxQueueWeight: 60,
    });
    const all = [4, 6, 50].map((item) => coalescer.push(item));
    await expect(coalescer.push(1)).rejects.toBeInstanceOf(OverloadedError);
    for (let group = 0; group < 2; group += 1) {
      await turns();
      release();
    }
    await Promise.all(all);
    expect(groups).toEqual([[4, 6], [50]]);
  });

  it('gives the error of a flush to its group only', async () => {
    let flushes = 0;
    const coalescer = new Coalescer<number, number>(
      (items) => {
        flushes += 1;
        return flushes === 1 ? Promise.reject(new Error('broken')) : Promise.resolve(items);
      },
      { maxGroup: 1, maxQueue: 10 },
    );
    const results = await Promise.allSettled([coalescer.push(1), coalescer.push(2)]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'fulfilled']);
  });

  it('takes a flush that answers too little for an error', async () => {
    const coalescer = new Coalescer<number, number>(() => Promise.resolve([]), {
      maxGroup: 1,
      maxQueue: 1,
    });
    await expect(coalescer.push(1)).rejects.toThrow('answered 0 of 1');
  });
});
