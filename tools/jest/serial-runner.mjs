import runner from 'jest-runner';

const TestRunner = runner.default ?? runner;

/** Runs its project's files one after another: each of them has the machine to itself. */
export default class SerialRunner extends TestRunner {
  isSerial = true;
}
