// A supervisor in a process of its own, to be killed: `alone.mjs FOLDER WORKER_ENTRY`, bundled by the test. It wants one
// worker, and says its number when it runs.
import { readConfig } from '../../src/cluster/config.js'
import { runSupervisor } from '../../src/supervisor/main.js'
import { fetchBundle, Nimbus } from './nimbus.js'

const [, , dataDir, workerEntry] = process.argv
const nimbus = new Nimbus()
const { id, ports } = await runSupervisor(readConfig({ flags: { dataDir, slots: 1 } }), {
  log: () => {},
  version: '0.1.0',
  dial: nimbus.dial,
  fetchArtefact: fetchBundle,
  workerEntry: workerEntry as string,
})
nimbus.wish(id, ports[0] as number)
setInterval(() => {
  if (nimbus.isWorker('running')) process.stdout.write(`${nimbus.worker?.pid}\n`)
}, 20)
