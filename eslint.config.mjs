import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** In core time, randomness and waiting arrive as values, or a decision could not be replayed. */
const impure = 'Core has no clock, randomness or timers: time arrives as a value.';
const impureCalls = ['Date.now', 'Math.random', 'performance.now', 'crypto.randomUUID'].map(
  (call) => {
    const [object, property] = call.split('.');
    return { object, property, message: impure };
  },
);
const impureGlobals = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'console',
  'performance',
  'crypto',
  'fetch',
].map((name) => ({ name, message: impure }));

export default tseslint.config(
  // The client's program is compiled by its test, against types that are generated there.
  { ignores: ['dist/', 'node_modules/', '.stack/', 'coverage/', 'test/client/program/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 70 }],
      'max-params': 'off',
      '@typescript-eslint/max-params': ['error', { max: 5 }],
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      // Nest's modules are classes that only carry a decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // Nest declares its options as classes, and everybody gives it literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['libs/upgrade-core/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-properties': ['error', ...impureCalls],
      'no-restricted-globals': ['error', ...impureGlobals],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: impure,
        },
        { selector: "CallExpression[callee.name='Date']", message: impure },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', '**/*.contract.ts', 'test/**/*.ts'],
    rules: {
      // A describe block is a chapter, not a function.
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // Twins and stubs answer at once where the port promises.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['tools/**/*', 'test/bench/**/*'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    ...tseslint.configs.disableTypeChecked,
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        module: 'writable',
        globalThis: 'readonly',
      },
    },
  },
);
