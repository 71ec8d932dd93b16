/**
 * The example's greeter in as many versions as a run needs: which one it is, its environment says.
 *
 *   GREETER_VERSION  its real version
 *   GREETER_REPORTS  the version it claims to be; unset: its real one
 *   GREETER_PROBLEM  why it is never healthy; unset: it is
 */
import { serve } from '../../examples/greeter/greeter.mjs';

const { GREETER_VERSION: version = '0.0.0', GREETER_REPORTS, GREETER_PROBLEM } = process.env;
await serve({
  version,
  greeting: 'Good day',
  ...(GREETER_REPORTS === undefined ? {} : { reports: GREETER_REPORTS }),
  ...(GREETER_PROBLEM === undefined ? {} : { problem: GREETER_PROBLEM }),
});
