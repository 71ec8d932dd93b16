import { describe } from '@jest/globals';
import { executionReadsContract } from './execution-reads.contract.js';
import { executionContract } from './execution.contract.js';
import { executionsInMemory } from './executions-in-memory.contract.js';

describe('executions in memory', () => {
  executionContract(executionsInMemory);
  executionReadsContract(executionsInMemory);
});
