import { z } from 'zod';
import { serviceSettings } from '#runtime/config.js';

/** The environment of the validator; its port answers for its health alone. */
export const ValidatorConfig = serviceSettings(8_085).extend({
  SMOKE_TESTS_LINK_LOCAL: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .meta({
      description: 'Smoke tests may call link-local and metadata addresses',
      defaultText: 'false',
    }),
});
export type ValidatorConfig = z.output<typeof ValidatorConfig>;
