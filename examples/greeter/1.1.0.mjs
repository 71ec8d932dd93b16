/** Good, with another text. */
import { serve } from './greeter.mjs';

await serve({ version: '1.1.0', greeting: 'Good day' });
