import type { z } from 'zod';
import { serviceSettings } from '#runtime/config.js';

/** The orchestrator's environment; its REST API listens on PORT. */
export const OrchestratorConfig = serviceSettings(8_084);
export type OrchestratorConfig = z.output<typeof OrchestratorConfig>;
