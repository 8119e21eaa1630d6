// Guards: an artefact is run only when its bytes have just been seen to have its hash, and a broken one never gets its name.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ArtefactCache, type FetchArtefact } from '../../src/supervisor/artefact-cache.js'
import { httpArtefacts } from '../../src/supervisor/http-artefacts.js'
import { bundle, chunksOf, hash } from './nimbus.js'
import { scratch } from './real.js'

function cacheOf(fetch: FetchArtefact, bytesMax = 1_000) {
  const folder = join(scratch(), 'artefacts')
  const asked: string[] = []
  const cache = new ArtefactCache({
    folder,
    bytesMax,
    pause: () => Promise.resolve(),
    fetch: (hash) => {
      asked.push(hash)
      return fetch(hash)
    },
  })
  return { cache, folder, asked, path: join(folder, `${hash}.mjs`) }
}
const good: FetchArtefact = () => Promise.resolve(chunksOf(bundle))

describe('artefact cache', () => {
  test('artefact cache: one that is not there: is fetched once for all who ask', async () => {
    const { cache, asked, path, folder } = cacheOf(good)
    expect(await Promise.all([cache.ready(hash), cache.ready(hash)])).toEqual([path, path])
    expect(await cache.ready(hash)).toBe(path)
    expect(asked).toEqual([hash])
    expect(readFileSync(path)).toEqual(Buffer.from(bundle))
    expect(readdirSync(folder)).toEqual([`${hash}.mjs`])
  })

  const damages: [string, (path: string) => void][] = [
    ['changed', (path) => writeFileSync(path, 'other')],
    ['cut', (path) => writeFileSync(path, bundle.subarray(0, 5))],
    ['deleted', (path) => unlinkSync(path)],
    [
      'replaced by a link',
      (path) => {
        unlinkSync(path)
        writeFileSync(`${path}.elsewhere`, bundle)
        symlinkSync(`${path}.elsewhere`, path)
      },
    ],
    [
      'replaced by a folder',
      (path) => {
        unlinkSync(path)
        mkdirSync(path)
      },
    ],
  ]
  test.each(damages)('artefact cache: one that was tampered with is fetched again: %s', async (_, damage) => {
    const { cache, asked, path } = cacheOf(good)
    await cache.ready(hash)
    damage(path)
    await cache.ready(hash)
    expect(asked.length).toBe(2)
    expect(readFileSync(path)).toEqual(Buffer.from(bundle))
  })

  const refusals: [string, FetchArtefact, string][] = [
    ['another content', () => Promise.resolve(chunksOf(new TextEncoder().encode('other'))), 'ARTEFACT_MISMATCH'],
    ['too many bytes', () => Promise.resolve(chunksOf(new Uint8Array(2_000))), 'ARTEFACT_MISMATCH'],
    ['no answer', () => Promise.reject(new Error('connection refused')), 'ARTEFACT_UNAVAILABLE'],
    [
      'an answer that breaks off',
      () =>
        Promise.resolve(
          (async function* () {
            yield await Promise.resolve(bundle.subarray(0, 5))
            throw new Error('socket hang up')
          })(),
        ),
      'ARTEFACT_UNAVAILABLE',
    ],
  ]
  test.each(refusals)(
    'artefact cache: after three tries it is given up, and nothing is left: %s',
    async (_, fetch, code) => {
      const { cache, asked, folder } = cacheOf(fetch)
      await expect(cache.ready(hash)).rejects.toMatchObject({ code })
      expect(asked.length).toBe(3)
      expect(code === 'ARTEFACT_MISMATCH' ? readdirSync(folder) : []).toEqual([])
    },
  )

  test('artefact cache: what is no hash never becomes a path', async () => {
    const { cache, asked } = cacheOf(good)
    await expect(cache.ready('../../etc/passwd')).rejects.toMatchObject({ code: 'ARTEFACT_MISMATCH' })
    expect(asked).toEqual([])
  })

  test('artefact cache: of those that nobody uses, the last eight are kept, and no leavings', async () => {
    const { cache, folder } = cacheOf(good)
    await cache.ready(hash)
    const old = Array.from({ length: 12 }, (_, index) => createHash('sha256').update(`${index}`).digest('hex'))
    old.forEach((name, index) => {
      writeFileSync(join(folder, `${name}.mjs`), '')
      utimesSync(join(folder, `${name}.mjs`), index + 1, index + 1)
    })
    writeFileSync(join(folder, 'left.tmp'), '')
    cache.keep([hash])
    const kept = [hash, ...old.slice(4)].map((name) => `${name}.mjs`).sort()
    for (let tries = 0; tries < 1_000 && readdirSync(folder).length > kept.length; tries++) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(readdirSync(folder).sort()).toEqual(kept)
  })

  test('artefact cache: from nimbus: by its path, with the token', async () => {
    const asked: unknown[] = []
    const server = createServer((request, response) => {
      asked.push([request.url, request.headers.authorization])
      if (asked.length === 1) response.writeHead(503).end()
      else response.end(bundle)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { cache, path } = cacheOf(httpArtefacts({ url, token: 'sesame' }))
    expect(await cache.ready(hash)).toBe(path)
    const request = [`/api/v2/artefacts/${hash}`, 'Bearer sesame']
    expect(asked).toEqual([request, request])
  })
})
