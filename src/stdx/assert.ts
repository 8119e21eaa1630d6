/**
 * Holds a promise of our own code, in production too. A failure is a bug of the engine, never of its user: nobody
 * catches it, the process ends and its parent starts it anew.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`storm-ts broke its own rule: ${message}`)
}
