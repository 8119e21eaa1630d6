import { mergeConfig } from 'vitest/config'
import fast from './vitest.config.js'

const slow = mergeConfig(fast, { test: { testTimeout: 1_800_000, passWithNoTests: true } })

/** The suites that take minutes: real files of gigabytes, long runs. `npm test` leaves them out. */
export default {
  ...slow,
  test: { ...slow.test, include: ['test/slow/**/*.test.ts'], exclude: ['node_modules/**'], fileParallelism: false },
}
