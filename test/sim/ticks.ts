/** Calls back when all promises were followed: a tick that is asked for by a promise comes after all of them. */
export function settledByTicks(): (callback: () => void) => void {
  let waiting: (() => void) | undefined
  const resolved = Promise.resolve()
  const call = () => waiting?.()
  const tick = () => process.nextTick(call)
  return (callback) => {
    waiting = callback
    void resolved.then(tick)
  }
}
