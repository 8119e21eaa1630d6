import { PerformanceObserver } from 'node:perf_hooks'

/** Milliseconds that this process has spent collecting garbage since it was made. */
export class GcTime {
  ms = 0
  readonly #observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.ms += duration
  })

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  stop(): void {
    this.#observer.disconnect()
  }
}
