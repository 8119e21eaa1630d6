/**
 * Where a file spout gets its bytes from: the seam between the spout, which knows lines, and a machine, which knows files.
 * `node-files.ts` is the one for Node; a test gives bytes that it has at hand, cut wherever it likes.
 */
export interface Files {
  /** Opens a file, or standard input for `-`. Rejects with a StormError that names the path. */
  open(path: string): Promise<ByteSource>
  /** `bytes` from `start` up to, not with, `end`, read as UTF-8: what is not UTF-8 becomes U+FFFD, as in WHATWG's decoder. */
  text(bytes: Uint8Array, start: number, end: number): string
  /**
   * Called when a line turns out to be a giant, which will take memory by the 64 MiB, while it is being put together and
   * the one before it is decided: what the process can free, it had better free now.
   */
  makeRoom?(): void
}

/** One open file. One `read` at a time. */
export interface ByteSource {
  /**
   * The next bytes, one at least; undefined at the end. The bytes given hold still until the second call after this one,
   * so that one run of them can be worked on while the next one is read. Rejects with a StormError that names the path,
   * and may then be called again.
   */
  read(): Promise<Uint8Array | undefined>
  /** May be called while a read is open, which then settles somehow. */
  close(): Promise<void>
}
