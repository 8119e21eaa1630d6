import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Where to leave the results as JSON, for the count that CI ends with. */
const results = process.env['TEST_RESULTS']

export default defineConfig({
  resolve: {
    alias: [
      { find: /^storm-ts\/testing$/, replacement: source('./src/testing/index.ts') },
      { find: /^storm-ts$/, replacement: source('./src/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/slow/**', 'test/cluster/**', 'test/kill/**', 'node_modules/**'],
    pool: 'forks',
    testTimeout: 60_000,
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
  },
})
