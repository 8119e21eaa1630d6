import type { FrameType } from './frame.js'

/** A frame that is kept: not sent yet, or not confirmed. */
export interface KeptFrame {
  readonly type: FrameType
  /** 0 while it is not sent. */
  readonly sequence: number
  readonly bytes: Uint8Array<ArrayBuffer>
  /** When it was sent last, or put in. */
  readonly atMs: number
}

/** Frames in order, with the sum of their bytes. */
export class FrameQueue {
  /** All of them. */
  bytes = 0
  #frames: KeptFrame[] = []
  #head = 0

  get size(): number {
    return this.#frames.length - this.#head
  }

  get first(): KeptFrame | undefined {
    return this.#frames[this.#head]
  }

  push(frame: KeptFrame): void {
    this.#frames.push(frame)
    this.bytes += frame.bytes.length
  }

  shift(): KeptFrame | undefined {
    const frame = this.first
    if (frame === undefined) return undefined
    this.bytes -= frame.bytes.length
    this.#head++
    // Now and then, when as many have gone as are left: each is moved once at most on average.
    if (this.#head >= 32 && this.#head * 2 >= this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
    return frame
  }

  /** Takes all out. */
  takeAll(): KeptFrame[] {
    const frames = this.#frames.slice(this.#head)
    this.#frames = []
    this.#head = 0
    this.bytes = 0
    return frames
  }
}
