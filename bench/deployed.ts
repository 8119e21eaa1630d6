import type { Topology } from 'storm-ts'
import type { Shape } from './options.js'
import { Pace, type LatencyUs } from './pace.js'
import { openStation } from './station.js'
import { SinkTally, SpoutTally } from './tally.js'
import { benchTopology } from './topologies.js'

/** What the harness hands to `storm-ts jar deploy` as the topology's only argument, as JSON. */
export interface Deployment {
  readonly shape: Shape
  /** Where the stations of spout and sink leave their answers. */
  readonly folder: string
}

export interface SpoutAnswer {
  readonly emitted: number
  readonly acked: number
  readonly failed: number
  readonly failReason?: string
  readonly emittedIds: number
  readonly ackedIds: number
  /** Of what was done since the last answer. */
  readonly latencyUs?: LatencyUs
}

export interface SinkAnswer {
  readonly taken: number
  readonly checksum: number
  readonly words: readonly (readonly [word: string, count: number])[]
}

/** Counters of the hot path are added up before they grow past what V8 keeps unboxed, and seldom: it wakes a worker that idles. */
const foldEveryMs = 2_000

/** A benchmark topology as a module that is deployed: the same components, with a station in each worker that needs one. */
export default function deployedTopology(args: string[]): Topology {
  const { shape, folder } = JSON.parse(args[0] ?? '{}') as Deployment
  const pace = shape.rate === undefined ? undefined : new Pace(shape.rate, () => performance.now())
  const spout = new SpoutTally(shape.acks === 'on', pace)
  const sink = new SinkTally()
  spout.onOpen = () => {
    setInterval(() => spout.fold(), foldEveryMs).unref()
    openStation(folder, 'spout', ({ stop }): SpoutAnswer => {
      if (stop === true) spout.stopped = true
      spout.fold()
      const { emitted, acked, failed, failReason, emittedIds, ackedIds } = spout
      const told = { emitted, acked, failed, emittedIds, ackedIds }
      return {
        ...told,
        ...(failReason === undefined ? {} : { failReason }),
        ...(pace === undefined ? {} : { latencyUs: pace.take() }),
      }
    })
  }
  sink.onOpen = () => {
    setInterval(() => sink.fold(), foldEveryMs).unref()
    openStation(folder, 'sink', (): SinkAnswer => {
      sink.fold()
      return { taken: sink.taken, checksum: sink.checksum, words: [...sink.words] }
    })
  }
  return benchTopology(shape, spout, sink, () => openStation(folder, 'split', () => ({})))
}
