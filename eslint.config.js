import js from '@eslint/js'
import tseslint from 'typescript-eslint'

const tables = ['src/**/*-table.ts', 'src/**/path-*.ts', 'src/host/sys/path-*.ts']
const typed = ['src/**/*.ts', 'test/**/*.ts', 'vitest.config.ts']

/** Rules of the strict set that do not pay here, each with its reason. */
const rulesThatDoNotPay = {
  // `noUncheckedIndexedAccess` makes every index possibly undefined; where the code knows better, `!` says so.
  '@typescript-eslint/no-non-null-assertion': 'off',
  '@typescript-eslint/no-invalid-void-type': 'off',
  // Documents are records; removing a field by name is what they are for.
  '@typescript-eslint/no-dynamic-delete': 'off',
  '@typescript-eslint/no-extraneous-class': 'off',
  '@typescript-eslint/unified-signatures': 'off',
  // Interfaces such as Storage are asynchronous whether or not one implementation has to wait.
  '@typescript-eslint/require-await': 'off',
  // It does not see what another task changes during an await, and calls the check after it useless.
  '@typescript-eslint/no-unnecessary-condition': 'off',
  // `getJson<T>(storage, key)` names what is stored there; that is what the parameter is for.
  '@typescript-eslint/no-unnecessary-type-parameters': 'off',
  // Values of documents are `unknown` until their schema has been applied, and are formatted only after that.
  '@typescript-eslint/no-base-to-string': 'off',
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowNullish: true }],
  // `[...text]` is meant: it walks code points.
  '@typescript-eslint/no-misused-spread': ['error', { allow: [{ from: 'lib', name: ['String', 'string'] }, 'string'] }],
  // Handlers handed to libraries may be asynchronous; each catches what it throws.
  '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
  'no-control-regex': 'off',
}

/** Tests read JSON they have just been sent, throw what is no Error on purpose, and hand methods to `expect`. */
const rulesThatDoNotPayInTests = {
  '@typescript-eslint/no-unsafe-argument': 'off',
  '@typescript-eslint/no-unsafe-assignment': 'off',
  '@typescript-eslint/no-unsafe-call': 'off',
  '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
  '@typescript-eslint/no-unsafe-enum-assignment': 'off',
  '@typescript-eslint/no-unsafe-enum-comparison': 'off',
  '@typescript-eslint/no-unsafe-member-access': 'off',
  '@typescript-eslint/no-unsafe-return': 'off',
  '@typescript-eslint/no-confusing-void-expression': 'off',
  '@typescript-eslint/no-misused-spread': 'off',
  '@typescript-eslint/no-redundant-type-constituents': 'off',
  '@typescript-eslint/only-throw-error': 'off',
  '@typescript-eslint/restrict-plus-operands': 'off',
  '@typescript-eslint/restrict-template-expressions': 'off',
  '@typescript-eslint/unbound-method': 'off',
  '@typescript-eslint/await-thenable': 'off',
  '@typescript-eslint/prefer-promise-reject-errors': 'off',
  '@typescript-eslint/no-unnecessary-type-conversion': 'off',
}

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'node_modules/**',
      'src/proto/**',
      'src/terraform/engine-schema.ts',
      'src/preset/presets.ts',
      'coverage/**',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: typed })),
  {
    files: typed,
    languageOptions: {
      parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: rulesThatDoNotPay,
  },
  {
    files: [...typed, 'scripts/**/*.mjs'],
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
    },
  },
  {
    files: ['src/**/*.ts', 'scripts/**/*.mjs'],
    rules: {
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 12],
    },
  },
  // Path files are declaration tables: schema, operations and help of one URL segment.
  { files: tables, rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['test/**/*.ts'],
    rules: {
      ...rulesThatDoNotPayInTests,
      'max-lines': ['error', { max: 600 }],
      'max-lines-per-function': 'off',
    },
  },
  {
    // Time and randomness come in through configuration; only the clock itself may read the machine's.
    files: ['src/**/*.ts'],
    ignores: ['src/logical/clock.ts', 'src/cli/**', 'src/demo/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Take a Clock (src/logical/clock.ts) instead.' },
        { object: 'Math', property: 'random', message: 'Use crypto randomness handed in by configuration.' },
      ],
    },
  },
  {
    files: ['scripts/**/*.mjs', '.ci/**/*.mjs', 'eslint.config.js'],
    languageOptions: {
      globals: {
        fetch: 'readonly',
        setTimeout: 'readonly',
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
)
