import type { z } from 'zod';
import { serviceSettings } from '#runtime/config.js';

/** The environment of the rollback agent; its port answers for its health alone. */
export const RollbackAgentConfig = serviceSettings(8_087);
export type RollbackAgentConfig = z.output<typeof RollbackAgentConfig>;
