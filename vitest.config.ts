import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Where to leave the results as JSON, for the count that CI ends with. */
const results = process.env['TEST_RESULTS']

/**
 * Suites that run the built package, the compiler or an installer as processes: `npm run test:process`. `npm test` leaves
 * them out, so that it stays a matter of a minute.
 */
export const processSuites = [
  'test/artefact/**/*.test.ts',
  'test/bench/{bench,profile}.test.ts',
  'test/cli/{command-line,dev,verbs}.test.ts',
  'test/pack/**/*.test.ts',
  'test/readme.test.ts',
  'test/security/**/*.test.ts',
  'test/supervisor/{crash,processes}.test.ts',
  'test/types/compiler.test.ts',
  'test/wordcount/program.test.ts',
  'test/worker/watchdog.test.ts',
]

export default defineConfig({
  resolve: {
    alias: [
      { find: /^storm-ts\/testing$/, replacement: source('./src/testing/index.ts') },
      { find: /^storm-ts$/, replacement: source('./src/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...processSuites, 'test/slow/**', 'test/cluster/**', 'test/kill/**', 'node_modules/**'],
    pool: 'forks',
    testTimeout: 60_000,
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
  },
})
