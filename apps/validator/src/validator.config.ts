import type { z } from 'zod';
import { serviceSettings } from '#runtime/config.js';

/** The environment of the validator; its port answers for its health alone. */
export const ValidatorConfig = serviceSettings(8_085);
export type ValidatorConfig = z.output<typeof ValidatorConfig>;
