import { randomBytes } from 'node:crypto'
import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StormError } from '../errors.js'
import { slotKey } from '../cluster/records.js'
import { deriveKey } from '../wire/node-secrets.js'
import { readPrivate } from '../wire/secret-files.js'
import type { WorkerKeys } from './telling.js'

/** What nimbus keeps secret, all of it in files that only its user may read. */
export interface Secrets {
  /** Of the one who started the cluster. */
  readonly adminToken: string
  /** Of every supervisor; it follows from the secret, so a lost file comes back. */
  readonly supervisorToken: string
  readonly workerKeys: WorkerKeys
}

/**
 * Reads the secrets in the data folder of a cluster, or makes them at its first start: `nimbus/secret`, from which all
 * keys follow and which never leaves this process, `token` and `supervisor-token`. A shell. Throws INSECURE_FILE for a
 * file that others may read, as it is no secret then.
 */
export function openSecrets(dataDir: string): Secrets {
  mkdirSync(join(dataDir, 'nimbus'), { recursive: true, mode: 0o700 })
  const secret = Buffer.from(
    readOrMake(join(dataDir, 'nimbus', 'secret'), () => randomBytes(32).toString('hex')),
    'hex',
  )
  if (secret.length !== 32)
    throw new StormError(
      'INSECURE_FILE',
      `${join(dataDir, 'nimbus', 'secret')} holds no secret: 64 hexadecimal digits are expected.`,
    )
  const supervisorToken = Buffer.from(deriveKey(secret, 'supervisor token')).toString('base64url')
  const path = join(dataDir, 'supervisor-token')
  if (readOrMake(path, () => supervisorToken) !== supervisorToken) replace(path, supervisorToken)
  return {
    adminToken: readOrMake(join(dataDir, 'token'), () => randomBytes(32).toString('base64url')),
    supervisorToken,
    workerKeys: {
      link: (topology) => base64(deriveKey(secret, 'data link', topology)),
      control: (topology, slot, since) => base64(deriveKey(secret, 'control link', topology, slotKey(slot), since)),
    },
  }
}

function readOrMake(path: string, make: () => string): string {
  const text = readPrivate(path)
  if (text !== undefined && text !== '') return text
  const made = make()
  replace(path, made)
  return made
}

/** Whole or not at all: written aside, synced, moved into place. */
function replace(path: string, text: string): void {
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  const file = openSync(aside, 'wx', 0o600)
  try {
    fchmodSync(file, 0o600)
    writeSync(file, `${text}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(aside, path)
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
