import { mergeConfig } from 'vitest/config'
import fast from './vitest.config.js'

const cluster = mergeConfig(fast, { test: { testTimeout: 3_600_000, hookTimeout: 120_000 } })

/** The suites of whole clusters: real processes, which take turns, and figures on the way. */
export default {
  ...cluster,
  test: {
    ...cluster.test,
    include: ['test/cluster/**/*.test.ts', 'test/kill/**/*.test.ts'],
    exclude: ['node_modules/**'],
    fileParallelism: false,
    disableConsoleIntercept: true,
  },
}
