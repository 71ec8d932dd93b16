import type { NewExecution } from '#core/execution/execution.js';
import type { ExecutionBrief } from './persistence/execution.store.js';

/** A new execution with all that was judged before it; `handOver` is the store's to say. */
export type CreateExecution = Omit<NewExecution, 'handOver'> &
  ExecutionBrief & {
    /** Who claims to ask (`X-Actor`). */
    readonly by: string;
  };
