/**
 * The promise that user code returned, or undefined if it returned something else. Looking is safe: a `then` that throws
 * when it is read or called gives a promise that rejects, and one that calls back twice settles once.
 */
export function promiseIn(result: unknown): Promise<unknown> | undefined {
  if ((typeof result !== 'object' && typeof result !== 'function') || result === null) return undefined
  try {
    if (typeof (result as { then?: unknown }).then !== 'function') return undefined
  } catch (thrown) {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- it is handed on as it was thrown
    return Promise.reject(thrown)
  }
  return Promise.resolve(result)
}

/** Has it told when a call that nobody waits for comes to nothing: `result` is what the call returned. */
export function onRejection(result: unknown, tell: (thrown: unknown) => void): void {
  promiseIn(result)?.then(undefined, tell)
}
