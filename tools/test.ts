/**
 * `npm test`: every test in one run of jest, which ends with jest's own summary. Arguments go to
 * jest: `npm test -- outbox`, `npm test -- --selectProjects unit`.
 */
import { runJest } from './jest/run.js';

process.exitCode = await runJest(process.argv.slice(2));
