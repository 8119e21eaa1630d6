const STEPS = 150_000_000
/** Where the loop ends. Asking for it keeps the loop from being optimised away. */
const END = 1934257537

/** CPU-ms of the same integer loop each time: they say how much of a core a core is worth at that moment. */
export function canaryMs(): number {
  const before = process.cpuUsage()
  let x = 1
  for (let i = 0; i < STEPS; i += 1) x = (Math.imul(x, 1664525) + 1013904223) | 0
  const { user, system } = process.cpuUsage(before)
  if (x !== END) throw new Error(`the canary ended at ${x} instead of ${END}`)
  return (user + system) / 1000
}
