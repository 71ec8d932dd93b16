/** One thread of the simulation: is handed seeds one by one, and answers with what became of each. */
import { parentPort } from 'node:worker_threads';
import { runSeed } from '../../test/simulation/run-seed.js';

parentPort?.on('message', (seed: number) => {
  void runSeed(seed).then((run) => {
    parentPort?.postMessage(run);
  });
});
