/** Never healthy. */
import { serve } from './greeter.mjs';

await serve({ version: '1.3.0', greeting: 'Hello?', problem: 'cannot reach its dictionary' });
