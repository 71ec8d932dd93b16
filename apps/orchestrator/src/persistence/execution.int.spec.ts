import { describe, expect, it } from '@jest/globals';
import { executionReadsContract } from './execution-reads.contract.js';
import { executionContract } from './execution.contract.js';
import { executionsInPostgres } from './executions-in-postgres.contract.js';

describe('executions in Postgres', () => {
  executionContract(executionsInPostgres);
});

describe('executions in Postgres, as they are read', () => {
  executionReadsContract(executionsInPostgres);
});

describe('the places of facts', () => {
  it('are made for weeks to come, and go when they have been kept long enough', async () => {
    const { store, close, partitions } = await executionsInPostgres();
    try {
      await store.makeRoomForFacts(Date.UTC(2026, 5, 10));
      const before = await partitions();
      expect(before).toContain('execution_facts_20260608');
      expect(before).toContain('execution_facts_20260706');
      await store.makeRoomForFacts(Date.UTC(2027, 6, 20));
      const after = await partitions();
      expect(after).not.toContain('execution_facts_20260608');
      expect(after).toContain('execution_facts_20260615');
    } finally {
      await close();
    }
  });
});
