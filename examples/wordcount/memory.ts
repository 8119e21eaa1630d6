/** Below this nothing is done. A text of ordinary lines hardly reaches it. */
const calmBytes = 160e6
/** Growth since the last collection that calls for another one. */
const growth = 1.1
const everyMs = 200

/**
 * Collects garbage when memory has grown, where Node lets us (`--expose-gc`): V8 lets garbage grow in proportion to what
 * lives, and a line of 64 MiB that is being worked on would let it grow by more than 100 MB. Costs a hundredth of a core
 * or so while there is such a line. Returns the way to end it.
 */
export function keepMemoryLow(): () => void {
  const collect = globalThis.gc
  if (collect === undefined) return () => undefined
  let limitBytes = calmBytes
  const timer = setInterval(() => {
    if (process.memoryUsage.rss() < limitBytes) return
    collect()
    limitBytes = Math.max(calmBytes, process.memoryUsage.rss() * growth)
  }, everyMs)
  return () => clearInterval(timer)
}
