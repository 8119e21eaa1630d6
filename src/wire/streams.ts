import type { Stream } from '../topology/stream.js'

/** A stream as frames know it. */
export interface WireStream {
  /** Unique in the topology; the same on every worker. */
  readonly number: number
  readonly component: string
  readonly stream: string
  readonly fields: readonly string[]
}

/** What is asked of a component: `ComponentSpec` is one. */
export interface Emitting {
  readonly id: string
  readonly outputs: ReadonlyMap<string, Stream>
}

/** All streams of a topology by their number: in the order of declaration, which every worker has from the same bundle. */
export function wireStreams(components: Iterable<Emitting>): WireStream[] {
  const streams: WireStream[] = []
  for (const component of components) {
    for (const [stream, { fields }] of component.outputs) {
      streams.push({ number: streams.length, component: component.id, stream, fields })
    }
  }
  return streams
}
