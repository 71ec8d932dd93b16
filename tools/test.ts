/**
 * `npm test`: every test in one run of jest, which ends with jest's own summary. Arguments go to
 * jest: `npm test -- outbox`, `npm test -- --selectProjects unit`.
 */
import { runJest } from './jest/run.js';

// Where nobody watches, a handle that a test left open must not turn into a run that never ends.
const unattended = process.env['CI'] === 'true' ? ['--ci', '--forceExit'] : [];
process.exitCode = await runJest([...unattended, ...process.argv.slice(2)]);
