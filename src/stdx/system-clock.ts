import type { Clock } from './clock.js'

// Declared here, since the engine's own library set knows neither Node nor the browser: these four stand in both,
// but for `setImmediate`, which a browser replaces by a message to itself.
declare const performance: { now(): number }
declare function setTimeout(callback: () => void, delayMs: number): unknown
declare function clearTimeout(timer: unknown): void
declare const setImmediate: ((callback: () => void) => unknown) | undefined
declare const MessageChannel: new () => {
  readonly port1: { onmessage: (() => void) | null }
  readonly port2: { postMessage(message: unknown): void }
}

/** The machine's own clock and timers. A shell: with `entropy.ts` the only place that touches them. */
export function systemClock(): Clock {
  const soon =
    typeof setImmediate === 'function' ? (callback: () => void) => void setImmediate(callback) : messageToSelf()
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    after(delayMs, callback) {
      const endMs = performance.now() + delayMs
      let timer: unknown
      // A timer cuts fractions off, counts from when its turn of the event loop began, and can't be set to any length.
      const wait = (leftMs: number) => {
        timer = setTimeout(look, Math.min(Math.ceil(leftMs), longestMs))
      }
      const look = () => {
        const leftMs = endMs - performance.now()
        if (leftMs > 0) wait(leftMs)
        else callback()
      }
      wait(delayMs)
      return () => clearTimeout(timer)
    },
    soon,
    yield: soon,
  }
}

/** What a timer can be set to; a longer time would be taken for none at all. */
const longestMs = 2 ** 31 - 1

/** A browser's stand-in for `setImmediate`: timers there wait 4 ms, a message to oneself does not. */
function messageToSelf(): (callback: () => void) => void {
  const { port1, port2 } = new MessageChannel()
  const waiting: (() => void)[] = []
  port1.onmessage = () => waiting.shift()?.()
  return (callback) => {
    waiting.push(callback)
    port2.postMessage(0)
  }
}
