/** Healthy, and every fifth greeting is an error. */
import { serve } from './greeter.mjs';

await serve({ version: '1.6.0', greeting: 'Good day, mostly', failsEvery: 5 });
