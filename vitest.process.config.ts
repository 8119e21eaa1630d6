import { mergeConfig } from 'vitest/config'
import fast, { processSuites } from './vitest.config.js'

const processes = mergeConfig(fast, { test: { testTimeout: 300_000, hookTimeout: 300_000 } })

/** The suites that run the built package as processes. */
export default {
  ...processes,
  test: { ...processes.test, include: processSuites, exclude: ['node_modules/**'] },
}
