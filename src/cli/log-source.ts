/** A line of a worker's log. */
export interface LogLine {
  /** Milliseconds since 1970; 0 if the line tells none. */
  readonly timeMs: number
  /** As pino numbers them: 30 info, 40 warn, 50 error. */
  readonly level: number
  readonly component: string | undefined
  readonly task: number | undefined
  readonly message: string
  /** What else is in it. */
  readonly fields: { readonly [name: string]: unknown }
}

/** Bytes of a log from some place on. */
export interface LogBytes {
  readonly from: number
  readonly bytes: Uint8Array
  /** Of the whole log, now. */
  readonly size: number
}

/** Where to read from at first: so many bytes before the end. */
const tailBytes = 64 * 1_024
/** A line that is longer is cut here. */
const lineMax = 1_048_576

/**
 * One worker's log as it is read bit by bit. Protocol: ask for bytes from `at` on (negative: before the end), give the
 * answer to `take`, which returns the lines that are whole; again while `isBehind`. A log that got shorter was begun anew,
 * and is read from its start.
 */
export class LogSource {
  readonly supervisor: string
  readonly host: string
  readonly port: number
  #at = -tailBytes
  #isBehind = true
  #rest = ''
  #decoder = new TextDecoder()
  /** The first line of what was read from the middle is half a one. */
  #skipsFirst = false

  constructor({ supervisor, host, port }: { supervisor: string; host: string; port: number }) {
    this.supervisor = supervisor
    this.host = host
    this.port = port
  }

  get at(): number {
    return this.#at
  }

  get isBehind(): boolean {
    return this.#isBehind
  }

  take({ from, bytes, size }: LogBytes): LogLine[] {
    const isFirst = this.#at < 0
    if (isFirst) this.#skipsFirst = from > 0
    else if (size < this.#at) {
      this.#at = 0
      this.#rest = ''
      this.#decoder = new TextDecoder()
      this.#isBehind = size > 0
      return []
    }
    this.#at = from + bytes.length
    this.#isBehind = this.#at < size && bytes.length > 0
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n')
    this.#rest = (lines.pop() ?? '').slice(0, lineMax)
    if (this.#skipsFirst && lines.length > 0) {
      lines.shift()
      this.#skipsFirst = false
    }
    return lines.filter((line) => line !== '').map(readLine)
  }
}

/** A line that is no JSON is a message. */
function readLine(text: string): LogLine {
  const plain = { timeMs: 0, level: 30, component: undefined, task: undefined, message: text, fields: {} }
  if (!text.startsWith('{')) return plain
  try {
    const { time, level, component, task, msg, ...fields } = JSON.parse(text) as Record<string, unknown>
    return {
      timeMs: typeof time === 'number' ? time : 0,
      level: typeof level === 'number' ? level : 30,
      component: typeof component === 'string' ? component : undefined,
      task: typeof task === 'number' ? task : undefined,
      message: typeof msg === 'string' ? msg : '',
      fields,
    }
  } catch {
    // Half a line of a worker that was killed while it wrote.
    return plain
  }
}
