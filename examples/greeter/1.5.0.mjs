/** Crashes after a while. */
import { fromEnv, serve } from './greeter.mjs';

const crashesAfterMs = fromEnv('GREETER_CRASHES_AFTER_MS', 20_000);
await serve({ version: '1.5.0', greeting: 'Hello and goodbye', crashesAfterMs });
