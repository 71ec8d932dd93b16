import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Config } from 'jest';

const unitSpecs = ['**/*.unit.spec.ts', '<rootDir>/test/scenarios/**/*.spec.ts'];
const costly = ['\\.int\\.spec\\.ts$', '\\.e2e\\.spec\\.ts$', '/test/simulation/', '/test/e2e/'];

/** What every project needs: TypeScript by swc (.swcrc), ESM, and the `#lib/*` aliases. */
const project = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  // `source` makes the aliases of package.json lead to TypeScript instead of dist.
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': '@swc/jest' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.stack/'],
  testPathIgnorePatterns: ['/node_modules/'],
  cacheDirectory: join(import.meta.dirname, 'node_modules', '.cache', 'jest'),
} satisfies Config;

/**
 * One run for every test; a file's suffix tells its cost. `unit` and the scenarios touch nothing
 * outside their process, `int` has one real part, `e2e` the built product, one file on a stack.
 * Only the projects that have a file in the run start the stack, and all of them share it.
 */
const config: Config = {
  projects: [
    {
      ...project,
      displayName: 'unit',
      testMatch: unitSpecs,
      testPathIgnorePatterns: ['/node_modules/', ...costly],
    },
    {
      ...project,
      displayName: 'simulation',
      testMatch: ['<rootDir>/test/simulation/**/*.spec.ts'],
    },
    {
      ...project,
      displayName: 'int',
      testMatch: ['**/*.int.spec.ts'],
      globalSetup: '<rootDir>/tools/jest/stack.setup.mjs',
      globalTeardown: '<rootDir>/tools/jest/stack.teardown.mjs',
    },
    {
      ...project,
      displayName: 'e2e',
      testMatch: ['**/*.e2e.spec.ts', '<rootDir>/test/e2e/**/*.spec.ts'],
      runner: '<rootDir>/tools/jest/two-lanes-runner.mjs',
      globalSetup: '<rootDir>/tools/jest/product.setup.mjs',
      globalTeardown: '<rootDir>/tools/jest/stack.teardown.mjs',
    },
  ],
  reporters: ['default', '<rootDir>/tools/jest/nothing-skipped.reporter.mjs'],
  coverageProvider: 'v8',
  // By itself jest leaves one core idle, which of two is half the machine.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  // Connections that a test let go are closed a moment later.
  workerGracefulExitTimeout: 5_000,
  // A machine that is busy with something else is no failure; a test that hangs still is.
  testTimeout: 30_000,
  passWithNoTests: true,
};

export default config;
