/** Slow to start. */
import { fromEnv, serve } from './greeter.mjs';

const startsAfterMs = fromEnv('GREETER_STARTS_AFTER_MS', 8_000);
await serve({ version: '1.2.0', greeting: 'Good day, at last', startsAfterMs });
