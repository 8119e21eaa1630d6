/**
 * What settings may look like: each kind reads one value as it stands in a configuration file (any type) or in the
 * environment and on the command line (always text), and answers with the value or with what it expected.
 */
export interface SettingKind<T> {
  /** One word for documents: `port`, `duration`. */
  readonly name: string
  /** What is expected, in words. */
  readonly expected: string
  /** Undefined: it is none. */
  read(value: unknown): T | undefined
}

export const text: SettingKind<string> = {
  name: 'text',
  expected: 'a text of 1 to 4096 characters',
  read: (value) => {
    const word = typeof value === 'number' ? String(value) : value
    return typeof word === 'string' && word.length > 0 && word.length <= 4_096 && !/\p{Cc}/u.test(word)
      ? word
      : undefined
  },
}

/** A file or folder; relative ones are meant against the folder of the process. */
export const path: SettingKind<string> = { ...text, name: 'path', expected: 'a path' }

export const httpUrl: SettingKind<string> = {
  name: 'url',
  expected: 'a URL such as http://127.0.0.1:6627',
  read: (value) => {
    const match = typeof value === 'string' ? /^(https?):\/\/([^\s/?#@]+)\/?$/.exec(value) : null
    return match === null ? undefined : `${match[1]}://${match[2]}`
  },
}

export const flag: SettingKind<boolean> = {
  name: 'flag',
  expected: 'true or false',
  read: (value) => {
    if (typeof value === 'boolean') return value
    if (value === 'true' || value === '1') return true
    return value === 'false' || value === '0' ? false : undefined
  },
}

export function wholeNumber(min: number, max: number, name = 'number', unit = ''): SettingKind<number> {
  return {
    name,
    expected: `a whole number of ${min} to ${max}${unit}`,
    read: (value) => {
      const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
      return typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max
        ? number
        : undefined
    },
  }
}

/** Milliseconds; in text also `500ms`, `15s`, `5m`, `1h`. */
export function duration(min: number, max: number): SettingKind<number> {
  const number = wholeNumber(min, max)
  return {
    name: 'duration',
    expected: `milliseconds, or a duration such as 500ms, 15s or 5m, of ${min} ms to ${max} ms`,
    read: (value) => {
      if (typeof value !== 'string') return number.read(value)
      const ms = durationMs(value, 'ms')
      return ms === undefined ? undefined : number.read(ms)
    },
  }
}

/** Bytes; in text also `64KiB`, `1MiB`, `2GiB`. */
export function size(min: number, max: number): SettingKind<number> {
  const number = wholeNumber(min, max)
  return {
    name: 'size',
    expected: `bytes, or a size such as 64KiB or 16MiB, of ${min} to ${max} bytes`,
    read: (value) => {
      const match = typeof value === 'string' ? /^(\d{1,15})(?:\s*([KMG])i?B)?$/.exec(value) : null
      if (match === null) return number.read(value)
      return number.read(Number(match[1]) * (match[2] === undefined ? 1 : 1_024 ** ('KMG'.indexOf(match[2]) + 1)))
    },
  }
}

/** A list, in text separated by commas. */
export function listOf<T>(item: SettingKind<T>, max: number): SettingKind<readonly T[]> {
  return {
    name: `list of ${item.name}`,
    expected: `up to ${max} of: ${item.expected}; in text, separated by commas`,
    read: (value) => {
      const parts: unknown =
        typeof value === 'string' ? (value === '' ? [] : value.split(',').map((part) => part.trim())) : value
      if (!Array.isArray(parts) || parts.length > max) return undefined
      const items = parts.map((part) => item.read(part))
      return items.includes(undefined) ? undefined : (items as T[])
    },
  }
}

const units = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/**
 * `500ms`, `30s`, `5m`, `1.5h`, or a bare number in `bareUnit`: as milliseconds, rounded. Undefined for anything else,
 * for what is negative, and for more than 2^31 − 1 ms, which no timer takes.
 */
export function durationMs(text: string, bareUnit: 'ms' | 's'): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s?(ms|s|m|h)?$/.exec(text)
  if (match === null) return undefined
  const ms = Math.round(Number(match[1]) * (units.get(match[2] ?? bareUnit) as number))
  return ms <= 2 ** 31 - 1 ? ms : undefined
}
