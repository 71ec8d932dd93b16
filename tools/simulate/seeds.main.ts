/** One thread of the simulation: is handed seeds one by one, and answers with what became of each. */
import { parentPort, workerData } from 'node:worker_threads';
import { runSeed } from '../../test/simulation/run-seed.js';
import { bugOf } from './bugs.js';

const bug = bugOf((workerData as { readonly bug: string | undefined }).bug);

parentPort?.on('message', (seed: number) => {
  void runSeed(seed, bug).then((run) => {
    parentPort?.postMessage(run);
  });
});
