/** Lies about its version: it is healthy and says that it is the old one. */
import { serve } from './greeter.mjs';

await serve({ version: '1.4.0', greeting: 'Hello, old friend', reports: '1.0.0' });
