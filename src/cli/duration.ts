import { durationMs } from '../cluster/settings.js'
import { StormError } from '../errors.js'
import { quoted } from '../stdx/listed.js'

/** The longest that any verb takes. */
const weekMs = 7 * 24 * 3_600_000

/** `10` (seconds, as in Storm), `500ms`, `30s`, `5m`, `1h`, in milliseconds. Throws INVALID_DURATION. */
export function readDuration(text: string, option: string): number {
  const ms = durationMs(text, 's')
  if (ms !== undefined && ms <= weekMs) return ms
  throw new StormError(
    'INVALID_DURATION',
    `${option} is ${quoted(text)}; expected are seconds, such as 10, or a duration such as 500ms, 30s, 5m or 1h, up to 7 days.`,
  )
}

/** `12 s`, `5 m 12 s`, `3 h 5 m`, `2 d 4 h`: as people read it. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} m ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} h ${minutes % 60} m` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}
