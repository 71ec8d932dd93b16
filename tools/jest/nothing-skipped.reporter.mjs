/**
 * With REQUIRE_ALL=1 a test that was skipped, for want of a tool or by its author, fails the run:
 * in CI "green" has to mean that everything ran.
 */
export default class NothingSkippedReporter {
  #skipped = [];

  onTestResult(test, result) {
    for (const { status, fullName } of result.testResults) {
      if (status === 'pending' || status === 'todo' || status === 'disabled') {
        this.#skipped.push(`${test.path}: ${fullName}`);
      }
    }
  }

  onRunComplete() {
    const error = this.getLastError();
    // Jest fails the run by the error but does not print it.
    if (error) console.error(error.message);
  }

  getLastError() {
    if (process.env.REQUIRE_ALL !== '1' || this.#skipped.length === 0) return undefined;
    return new Error(`REQUIRE_ALL=1, but these were skipped:\n  ${this.#skipped.join('\n  ')}`);
  }
}
