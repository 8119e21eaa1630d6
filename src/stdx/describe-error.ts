/** What can be told of something that was thrown, whatever it is. */
export interface ErrorDescription {
  readonly message: string
  readonly stack?: string
}

/** The longest message or stack that is kept, in characters. */
const lengthMax = 8_192

/**
 * A description of anything that user code can throw: an error, a string, null, an object whose getters throw. Never
 * throws itself and never keeps more than 8 KiB of a text.
 */
export function describeError(thrown: unknown): ErrorDescription {
  const message =
    quietly(() => (thrown instanceof Error ? nameAndMessage(thrown) : `threw ${describeValue(thrown)}`)) ??
    'threw something that cannot be described'
  const stack = quietly(() => (thrown instanceof Error && typeof thrown.stack === 'string' ? thrown.stack : undefined))
  return stack === undefined
    ? { message: shortened(message) }
    : { message: shortened(message), stack: shortened(stack) }
}

/** A value in a few words, for a sentence that tells what was got: `'a text'`, `-1`, `an array of 3`, `a function`. */
export function describeValue(value: unknown): string {
  const told = quietly(() => {
    if (typeof value === 'string') return `'${shortened(value, 80)}'`
    if (typeof value === 'bigint') return `${shortened(String(value), 80)}n`
    if (typeof value === 'function') {
      return value.name === '' ? 'a function' : `the function ${shortened(value.name, 80)}`
    }
    if (Array.isArray(value)) return `an array of ${value.length}`
    if (typeof value !== 'object' || value === null) return String(value)
    const type: unknown = value.constructor?.name
    return typeof type === 'string' && type !== '' && type !== 'Object'
      ? `an object of class ${shortened(type, 80)}`
      : 'an object'
  })
  return told ?? 'something that cannot be described'
}

function nameAndMessage(error: Error): string {
  // Both may be anything, whatever their types say: anybody can set them.
  const { name, message } = error as { name: unknown; message: unknown }
  const text = typeof message === 'string' ? message : describeValue(message)
  return name === 'Error' || name === 'StormError' || typeof name !== 'string' ? text : `${name}: ${text}`
}

/** At most 8 KiB of a text, and then how long it was. */
export function shortened(text: string, max = lengthMax): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length} characters)`
}

function quietly<T>(tell: () => T): T | undefined {
  try {
    return tell()
  } catch {
    // A getter of the user's own object threw while we looked at it: what it hides stays hidden.
    return undefined
  }
}
