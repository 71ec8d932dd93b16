import { z } from 'zod';
import { CANARY_LIMITS } from '#core/limits.js';
import { serviceSettings, wholeNumber } from '#runtime/config.js';

const { intervalDefaultSeconds, intervalMinSeconds, intervalMaxSeconds } = CANARY_LIMITS;

/** The environment of the canary monitor; its port answers for its health alone. */
export const CanaryMonitorConfig = serviceSettings(8_086).extend({
  CANARY_INTERVAL_SECONDS: wholeNumber(intervalMinSeconds, intervalMaxSeconds)
    .default(intervalDefaultSeconds)
    .meta({
      description: 'Time between two samples of a canary; of watches that are begun from then on',
      unit: 's',
    }),
  PROMETHEUS_URL: z
    .url({ protocol: /^https?$/ })
    .refine(isPlain, 'expected no user, query or fragment in it')
    .optional()
    .meta({
      description:
        'Prometheus that metrics of canaries are read from; their queries may name {{tenant}}, ' +
        '{{component}} and {{version}}. Unset: such a metric is an ERROR, never a pass',
    }),
});
export type CanaryMonitorConfig = z.output<typeof CanaryMonitorConfig>;

function isPlain(url: string): boolean {
  const { username, password, search, hash } = new URL(url);
  return [username, password, search, hash].every((part) => part === '');
}
