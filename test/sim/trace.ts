/** How often what should happen sometimes has happened. */
export class Sometimes {
  readonly counts = new Map<string, number>()

  add(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times)
  }
}

/**
 * The hash of everything that happened: 64 bits, by two FNV-1a that begin differently. With `print`, each line is shown
 * as it comes.
 */
export class Trace {
  lines = 0
  readonly #print: ((line: string) => void) | undefined
  #a = 0x811c9dc5
  #b = 0x9e3779b9

  constructor(print?: (line: string) => void) {
    this.#print = print
  }

  get hash(): string {
    return [this.#a, this.#b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }

  add(atMs: number, line: string): void {
    this.lines++
    this.#int(atMs * 1_024)
    for (let i = 0; i < line.length; i++) this.#int(line.charCodeAt(i))
    this.#print?.(`${(atMs / 1_000).toFixed(4).padStart(9)} ${line}`)
  }

  /** A frame that was handed to somebody: its checksum stands for its bytes. */
  frame(atMs: number, connection: number, frame: Uint8Array): void {
    this.lines++
    this.#int(atMs * 1_024)
    this.#int(connection)
    this.#int(frame.length)
    for (let i = 4; i < 8; i++) this.#int(frame[i] as number)
    this.#print?.(
      `${(atMs / 1_000).toFixed(4).padStart(9)} frame of ${frame.length} bytes, type ${frame[9]}, on ${connection}`,
    )
  }

  #int(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193)
    this.#b = Math.imul(this.#b ^ (value + 0x7f), 0x01000193)
  }
}
