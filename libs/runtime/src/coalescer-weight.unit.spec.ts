import { expect, it } from '@jest/globals';
import { Coalescer } from './coalescer.js';

it('what has been handed over weighs no more: a queue that was full takes again', async () => {
  const bounds = { maxGroup: 2, maxQueue: 10, weigh: () => 1, maxQueueWeight: 2 };
  const coalescer = new Coalescer((items: number[]) => Promise.resolve(items), bounds);
  for (let round = 0; round < 5; round += 1) {
    const pushes = [coalescer.push(1), coalescer.push(2)];
    await expect(coalescer.push(3)).rejects.toThrow('queue is full');
    expect(await Promise.all(pushes)).toEqual([1, 2]);
  }
});
