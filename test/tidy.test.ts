// Guards the README's "how it is built": the rules of ARCHITECTURE.md hold in the tree as it is.
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  checkDecisions,
  checkDependencies,
  checkErrorCodes,
  checkLinks,
  checkMap,
  checkNamedPaths,
  checkRooms,
} from './tidy/documents.js'
import { checkGlobals } from './tidy/globals.js'
import {
  checkCircles,
  checkClosure,
  checkLayers,
  checkNodeImports,
  checkOrphans,
  checkPackages,
} from './tidy/imports.js'
import { checkLeftovers, checkTestNames } from './tidy/leftovers.js'
import { readTree } from './tidy/tree.js'

/** The shells: who may touch time, chance and the host, and what each of them may touch. */
const shells: Record<string, readonly string[]> = {
  'src/stdx/system-clock.ts': ['performance', 'Date', 'setTimeout', 'clearTimeout', 'setImmediate', 'MessageChannel'],
  'src/stdx/entropy.ts': ['crypto'],
  'src/testing/text-here.ts': ['Buffer'],
  'src/spouts/node-files.ts': ['process', 'Buffer'],
  'src/local/console-log.ts': ['console'],
  'src/artefact/entry-file.ts': ['Buffer'],
  'src/artefact/load.ts': ['process', 'setTimeout', 'clearTimeout'],
  'src/artefact/extract.ts': ['process', 'setTimeout', 'clearTimeout'],
  'src/artefact/extract-main.ts': ['process'],
  'src/cli/main.ts': ['process'],
  'src/cli/daemon-process.ts': ['setTimeout', 'clearTimeout'],
  'src/cli/node-machine.ts': ['process'],
  'src/cli/node-terminal.ts': ['process'],
  'src/cli/parent-process.ts': ['process'],
  'src/cli/private-file.ts': ['process'],
  'src/nimbus/level-store.ts': ['process'],
  'src/nimbus/main.ts': ['process', 'Buffer'],
  'src/nimbus/secrets.ts': ['Buffer'],
  'src/nimbus/server.ts': ['Buffer'],
  'src/nimbus/tokens.ts': ['Buffer', 'Date'],
  'src/supervisor/folder-lock.ts': ['process'],
  'src/supervisor/process-launcher.ts': ['process', 'setInterval', 'clearInterval'],
  'src/supervisor/process-table.ts': ['process'],
  'src/wire/node-crc32c.ts': ['Buffer', 'require'],
  'src/wire/node-text.ts': ['Buffer'],
  'src/wire/secret-files.ts': ['process'],
  'src/wire/websocket.ts': ['process', 'setTimeout', 'setImmediate', 'Buffer', 'WebSocket'],
  'src/worker/main.ts': ['process', 'Buffer', 'setTimeout'],
  'src/worker/watchdog.ts': ['setInterval'],
  'src/worker/watchdog-thread.ts': ['performance', 'setInterval'],
  'src/worker/worker-log.ts': ['console', 'Date'],
}
/** Who may import Node's modules. */
const nodeShells: readonly string[] = [
  'src/artefact/bundle.ts',
  'src/artefact/engine.ts',
  'src/artefact/entry-file.ts',
  'src/artefact/extract.ts',
  'src/artefact/load.ts',
  'src/artefact/native-modules.ts',
  'src/cli/config-file.ts',
  'src/cli/connection.ts',
  'src/cli/daemon-process.ts',
  'src/cli/node-http.ts',
  'src/cli/node-machine.ts',
  'src/cli/private-file.ts',
  'src/cli/scratch.ts',
  'src/cli/verbs/build.ts',
  'src/cli/verbs/deploy.ts',
  'src/cli/verbs/dev.ts',
  'src/cli/verbs/doctor.ts',
  'src/cli/verbs/local.ts',
  'src/nimbus/blob-files.ts',
  'src/nimbus/level-store.ts',
  'src/nimbus/main.ts',
  'src/nimbus/secrets.ts',
  'src/nimbus/server.ts',
  'src/nimbus/tokens.ts',
  'src/stdx/tune-v8.ts',
  'src/stdx/rotating-file.ts',
  'src/supervisor/artefact-cache.ts',
  'src/supervisor/data-folder.ts',
  'src/supervisor/durable-file.ts',
  'src/supervisor/folder-lock.ts',
  'src/supervisor/free-ports.ts',
  'src/supervisor/http-artefacts.ts',
  'src/supervisor/log-files.ts',
  'src/supervisor/main.ts',
  'src/supervisor/process-launcher.ts',
  'src/supervisor/process-table.ts',
  'src/supervisor/worker-output.ts',
  'src/wire/node-crc32c.ts',
  'src/wire/node-secrets.ts',
  'src/wire/node-text.ts',
  'src/wire/secret-files.ts',
  'src/wire/websocket.ts',
  'src/worker/main.ts',
  'src/worker/watchdog.ts',
  'src/worker/watchdog-thread.ts',
  'src/worker/worker-log.ts',
]
/** Files that need no importer. */
const entries = [
  'src/index.ts',
  'src/testing/index.ts',
  'src/artefact/extract-main.ts',
  'src/cli/main.ts',
  'src/nimbus/main.ts',
  'src/supervisor/main.ts',
  'src/wire/loopback.ts',
  'src/wire/msgpackr-no-eval.d.ts',
  'src/worker/main.ts',
  'src/worker/watchdog-thread.ts',
]

const tree = readTree(fileURLToPath(new URL('..', import.meta.url)))

describe('tidy', () => {
  const rules: Record<string, () => string[]> = {
    'layers: no room imports one above it': () => checkLayers(tree),
    'layers: files of src import each other in no circle': () => checkCircles(tree),
    'imports: no file of src imports a module of Node': () => checkNodeImports(tree, nodeShells),
    'imports: LocalCluster reaches no module of Node': () => checkClosure(tree, 'src/local/local-cluster.ts'),
    'imports: what src imports is a dependency': () => checkPackages(tree),
    'imports: every file of src is imported': () => checkOrphans(tree, entries),
    'shells: clock, timers, chance and host are touched where listed': () => checkGlobals(tree, shells),
    'documents: every room has its page': () => checkRooms(tree),
    'documents: every room is on the map': () => checkMap(tree),
    'documents: files named in ARCHITECTURE.md are there': () => checkNamedPaths(tree, 'ARCHITECTURE.md'),
    'documents: links lead to files': () => checkLinks(tree),
    'documents: every error code is raised and explained': () => checkErrorCodes(tree),
    'documents: decisions are numbered and listed': () => checkDecisions(tree),
    'documents: every dependency has a reason and one version': () => checkDependencies(tree),
    'leftovers: none': () => checkLeftovers(tree),
    'leftovers: tests are named': () => checkTestNames(tree),
  }
  for (const [name, rule] of Object.entries(rules)) {
    test(name, () => {
      expect(rule().join('\n')).toBe('')
    })
  }
})
