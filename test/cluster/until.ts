/** Asks again and again until the answer is something; throws what `what` says when that took too long. */
export async function until<T>(
  what: string | (() => string),
  limitMs: number,
  ask: () => T | Promise<T>,
  everyMs = 50,
): Promise<NonNullable<Exclude<T, false>>> {
  const endMs = performance.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== null && answer !== false) return answer as NonNullable<Exclude<T, false>>
    if (performance.now() > endMs)
      throw new Error(`not within ${limitMs} ms: ${typeof what === 'string' ? what : what()}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
