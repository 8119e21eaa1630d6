import {
  BasicBolt,
  stream,
  t,
  TopologyBuilder,
  type Spout,
  type SpoutCollector,
  type Topology,
  type Tuple,
} from 'storm-ts'

/** Spouts that emit as fast as they may, in both workers, and one sink that takes 10 ms for each tuple. */
export default function slowSink(): Topology {
  const builder = new TopologyBuilder('slow-sink')
  const fast = builder.setSpout('fast', () => new Fast(), 2)
  builder.setBolt('slow', () => new Slow()).shuffleGrouping(fast)
  return builder.createTopology({ workers: 2, maxSpoutPending: 1_000_000 })
}

const Numbered = stream({ id: t.number, text: t.string })
type One = { default: typeof Numbered }

class Fast implements Spout<One, number> {
  readonly outputs = { default: Numbered }
  #id = 0

  nextTuple(out: SpoutCollector<One, number>): void {
    const id = this.#id++
    out.emit({ id, text: `${id} `.repeat(20) }, id)
  }
}

class Slow extends BasicBolt<{ id: number; text: string }> {
  override execute(_: Tuple<{ id: number; text: string }>): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 10))
  }
}
