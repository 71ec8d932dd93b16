/** Good. */
import { serve } from './greeter.mjs';

await serve({ version: '1.0.0', greeting: 'Hello' });
