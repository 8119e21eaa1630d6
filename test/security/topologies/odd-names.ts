import { listSpout, stream, t, TopologyBuilder, type Bolt, type Topology } from 'storm-ts'

/** What an id may be, though nobody should: markup, quotes, lines, turns of direction, what steers a terminal. */
export const oddName = `<img src=x onerror="alert('1')">\n\u202e\u001b[2J{{7*7}}%s`

/** A bolt whose id, errors and lines are like that. */
export default function oddNames(): Topology {
  const builder = new TopologyBuilder('odd-names')
  const numbers = builder.setSpout('numbers', listSpout(stream({ n: t.number }), [{ n: 1 }]))
  builder.setBolt(oddName, () => new Odd()).shuffleGrouping(numbers)
  return builder.createTopology()
}

class Odd implements Bolt<{ n: number }> {
  prepare(): void {
    console.log(oddName)
  }

  execute(): void {
    throw new Error(oddName)
  }
}
