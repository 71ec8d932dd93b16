import { readFileSync } from 'node:fs';
import runner from 'jest-runner';

const TestRunner = runner.default ?? runner;

/**
 * Two products on one Kafka would take each other's messages, so files of the product run one after
 * another. Those that begin with `@stack own` bring a Kafka and a Postgres to be lost, struck or
 * stopped: they run one after another as well, beside the others, because much of either is waiting.
 */
export default class TwoLanesRunner extends TestRunner {
  isSerial = true;
  #beside;
  #hasOneLane;

  constructor(globalConfig, context) {
    super(globalConfig, context);
    this.#hasOneLane = globalConfig.maxWorkers === 1;
    this.#beside = new TestRunner({ ...globalConfig, maxWorkers: 1 }, context);
  }

  on(eventName, listener) {
    const offs = [super.on(eventName, listener), this.#beside.on(eventName, listener)];
    return () => offs.forEach((off) => off());
  }

  async runTests(tests, watcher, options) {
    const isBeside = ({ path }) => !this.#hasOneLane && bringsItsStack(path);
    const beside = tests.filter(isBeside);
    const lanes = [
      super.runTests(
        tests.filter((test) => !isBeside(test)),
        watcher,
        options,
      ),
    ];
    // In a process of its own: two files in one would share its globals.
    if (beside.length > 0) {
      lanes.push(this.#beside.runTests(beside, watcher, { ...options, serial: false }));
    }
    await Promise.all(lanes);
  }
}

function bringsItsStack(path) {
  return readFileSync(path, 'utf8').startsWith('/** @stack own');
}
