import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { BatchWork1763900000000 } from './batch-work.migration.js';
import { Executions1763700000000 } from './execution.migration.js';
import { Registry1763600000000 } from './registry.migration.js';
import { Statistics1763800000000 } from './statistics.migration.js';

/** All of the orchestrator's schema, in the order in which it was made. */
export const MIGRATIONS = [
  Plumbing1700000000000,
  Registry1763600000000,
  Executions1763700000000,
  Statistics1763800000000,
  BatchWork1763900000000,
];
