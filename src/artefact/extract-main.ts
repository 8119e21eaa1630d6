import { InvalidTopologyError, StormError } from '../errors.js'
import { describeError } from '../stdx/describe-error.js'
import { specOf } from '../topology/topology.js'
import type { ExtractAnswer } from './extract.js'
import { graphOf } from './graph.js'
import { loadTopology, type LoadRequest } from './load.js'

/**
 * The process that loads an artefact only to tell what is in it: one request comes over the channel to its parent, one
 * answer goes back, then it ends, whatever the code has left open.
 */
const exit = process.exit.bind(process)

process.once('message', (request) => {
  void answerTo(request as LoadRequest).then((answer) => {
    process.send?.(answer, () => {
      // What was printed is in a queue yet.
      process.stdout.write('', () => process.stderr.write('', () => exit(0)))
    })
  })
})
process.once('disconnect', () => exit(1))

async function answerTo(request: LoadRequest): Promise<ExtractAnswer> {
  try {
    return { graph: graphOf(specOf(await loadTopology(request))) }
  } catch (error) {
    if (error instanceof InvalidTopologyError)
      return { code: error.code, message: error.message, problems: error.problems }
    const { message } = describeError(error)
    return { code: error instanceof StormError ? error.code : 'TOPOLOGY_FAILED', message }
  }
}
