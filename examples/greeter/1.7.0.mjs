/** Good at first, turns bad after a while: not healthy any more, and every second greeting an error. */
import { fromEnv, serve } from './greeter.mjs';

const turnsBadAfterMs = fromEnv('GREETER_TURNS_BAD_AFTER_MS', 20_000);
await serve({ version: '1.7.0', greeting: 'Good day, for now', turnsBadAfterMs });
