import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { partitionOf } from './partition-of.js';

it('a key has the partition that the client gives it', () => {
  const ofClient = Partitioners.DefaultPartitioner();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 64 }), (key, count) => {
      const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
        ...{ partitionId, partitionErrorCode: 0, leader: 1 },
        ...{ replicas: [], isr: [] },
      }));
      const message = { key, value: '' };
      expect(partitionOf(key, count)).toBe(ofClient({ topic: 't', partitionMetadata, message }));
    }),
    { numRuns: 500 },
  );
});
