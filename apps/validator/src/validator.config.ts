import type { z } from 'zod';
import { serviceSettings } from '#runtime/config.js';

/** The validator's environment; PORT answers /livez, /readyz and /metrics. */
export const ValidatorConfig = serviceSettings(8_085);
export type ValidatorConfig = z.output<typeof ValidatorConfig>;
