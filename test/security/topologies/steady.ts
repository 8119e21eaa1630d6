import { stream, t, TopologyBuilder, type Spout, type SpoutCollector, type Topology, type Tuple } from 'storm-ts'

/**
 * Some hundred tuples a second, each followed to its end and most of them from another process: what goes on beside
 * whatever a test does to the cluster. Arguments: [NAME] [WORKERS].
 */
export default function steady([name = 'steady', workers = '2']: string[]): Topology {
  const builder = new TopologyBuilder(name)
  const numbers = builder.setSpout('numbers', () => new Numbers())
  builder.setBolt('sink', () => new Sink(), 2).shuffleGrouping(numbers)
  return builder.createTopology({ workers: Number(workers) })
}

const Numbered = stream({ n: t.number })
type One = { default: typeof Numbered }

class Numbers implements Spout<One, number> {
  readonly outputs = { default: Numbered }
  #n = 0
  #nextMs = 0

  nextTuple(out: SpoutCollector<One, number>): void {
    const nowMs = performance.now()
    if (nowMs < this.#nextMs) return
    this.#nextMs = nowMs + 2
    out.emit({ n: this.#n }, this.#n++)
  }
}

class Sink {
  execute(tuple: Tuple<{ n: number }>, out: { ack(tuple: Tuple): void }): void {
    out.ack(tuple)
  }
}
