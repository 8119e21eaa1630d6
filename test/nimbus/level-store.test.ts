// Guards: "what nimbus answered is there after any crash, and a damaged store is refused, never begun anew".
import fc from 'fast-check'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LevelStore } from '../../src/nimbus/level-store.js'
import type { DocumentChange, StateStore } from '../../src/nimbus/state-store.js'

const root = mkdtempSync(join(tmpdir(), 'storm-ts-store-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const newFolder = () => join(root, `store${folders++}`)

const put = (key: string, n: number, expected = 0): DocumentChange => ({ key, value: { n }, expected })

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => {
      const { code, message } = error as { code: string; message: string }
      return `${code}: ${message}`
    },
  )
}

async function* pieces(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(new TextEncoder().encode(text))
}

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const piece of source) text += new TextDecoder().decode(piece)
  return text
}

describe('documents', () => {
  test('kept: over closing and opening, with their revisions', async () => {
    const folder = newFolder()
    const store = await LevelStore.open(folder)
    const { fence } = await store.lead('me')
    expect(await store.write(fence, [put('a', 1), put('b', 1)])).toEqual([1, 1])
    expect(await store.write(fence, [put('a', 2, 1), { key: 'b', value: undefined, expected: 1 }])).toEqual([2, 0])
    await store.close()
    const again = await LevelStore.open(folder)
    expect(await again.read()).toEqual([{ key: 'a', value: { n: 2 }, revision: 2 }])
    expect((await again.lead('me')).fence).toBe(fence + 1)
    await again.close()
  })

  test('compare and set: all or nothing of a write whose expectation is wrong', async () => {
    const store = await LevelStore.open(newFolder())
    const { fence } = await store.lead('me')
    await store.write(fence, [put('a', 1)])
    expect(await codeOf(store.write(fence, [put('b', 1), put('a', 2)]))).toMatch(/^STORE_CONFLICT: .*'a'/)
    expect(await codeOf(store.write(fence - 1, [put('b', 1)]))).toMatch(/^STORE_FENCED/)
    expect(await store.read()).toHaveLength(1)
    await store.close()
  })

  test('watch: told of what was stored', async () => {
    const store = await LevelStore.open(newFolder())
    const { fence } = await store.lead('me')
    const seen: unknown[] = []
    const end = store.watch((documents) => seen.push(documents))
    await store.write(fence, [put('a', 1)])
    end()
    await store.write(fence, [put('a', 2, 1)])
    expect(seen).toEqual([[{ key: 'a', value: { n: 1 }, revision: 1 }]])
    await store.close()
  })

  test('lock: a second one is told who has it', async () => {
    const folder = newFolder()
    const store = await LevelStore.open(folder)
    await store.lead('me')
    expect(await codeOf(LevelStore.open(folder))).toMatch(new RegExp(`^STORE_LOCKED: .*process ${process.pid} on`))
    await store.close()
  })

  test('secrecy: nobody else may look into the folder', async () => {
    const folder = newFolder()
    const store = await LevelStore.open(folder)
    await store.lead('me')
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    await store.close()
  })
})

describe('damage', () => {
  let original: string
  let documents: unknown
  beforeAll(async () => {
    original = newFolder()
    const store = await LevelStore.open(original)
    const { fence } = await store.lead('me')
    // Longer than a block of LevelDB's log: damage in one lets it skip that one and read on.
    const text = 'x'.repeat(4_000)
    for (let i = 0; i < 20; i++)
      await store.write(fence, [{ key: `k${i}`, value: { i, text }, expected: 0 }, put('last', i, i)])
    await store.blobs.put(pieces('blob'), 100)
    documents = await store.read()
    await store.close()
  })

  /** What comes of opening a copy to which something was done: the same documents, or a refusal. */
  async function opened(damage: (folder: string) => void): Promise<string> {
    const folder = newFolder()
    cpSync(original, folder, { recursive: true })
    damage(folder)
    let store: StateStore
    try {
      store = await LevelStore.open(folder)
    } catch (error) {
      return (error as { code: string }).code
    }
    const isSame = JSON.stringify(await store.read()) === JSON.stringify(documents)
    await store.close()
    rmSync(folder, { recursive: true })
    return isSame ? 'same' : 'another state'
  }
  const stateFiles = () => readdirSync(join(original, 'state')).sort()

  test('any byte: the same documents, or refused', async () => {
    const outcomes = new Map<string, number>()
    const file = fc.constantFrom(...stateFiles().filter((name) => name !== 'LOCK'))
    await fc.assert(
      fc.asyncProperty(file, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(7), async (name, place, bit) => {
        const outcome = await opened((folder) => {
          const path = join(folder, 'state', name)
          const bytes = readFileSync(path)
          const at = Math.min(bytes.length - 1, Math.floor(place * bytes.length))
          if (at < 0) return
          bytes[at]! ^= 1 << bit
          writeFileSync(path, bytes)
        })
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        expect(['same', 'STORE_CORRUPT']).toContain(outcome)
      }),
      { numRuns: 150 },
    )
    expect(outcomes.get('STORE_CORRUPT')).toBeGreaterThan(10)
  })

  test('cut off: the same documents, or refused, as answered writes are missing', async () => {
    const log = stateFiles().find((name) => name.endsWith('.log'))!
    const { size } = statSync(join(original, 'state', log))
    for (let cut = 1; cut < size; cut += Math.ceil(size / 40)) {
      const outcome = await opened((folder) => truncateSync(join(folder, 'state', log), size - cut))
      expect(['same', 'STORE_CORRUPT']).toContain(outcome)
    }
  })

  const gone: [string, (folder: string) => void][] = [
    ['the state', (folder) => rmSync(join(folder, 'state'), { recursive: true })],
    [
      'the state, and the mark',
      (folder) => {
        rmSync(join(folder, 'state'), { recursive: true })
        rmSync(join(folder, 'mark'))
      },
    ],
    ['which file is current', (folder) => rmSync(join(folder, 'state', 'CURRENT'))],
    [
      'all files of the state',
      (folder) => {
        for (const name of readdirSync(join(folder, 'state'))) rmSync(join(folder, 'state', name))
      },
    ],
  ]
  for (const [name, damage] of gone)
    test(`gone: ${name}`, async () => expect(await opened(damage)).toBe('STORE_CORRUPT'))

  test('a mark that is gone or makes no sense: no alarm', async () => {
    expect(await opened((folder) => rmSync(join(folder, 'mark')))).toBe('same')
    expect(await opened((folder) => writeFileSync(join(folder, 'mark'), 'torn'))).toBe('same')
  })

  test('begun only: a first start that was killed is begun again', async () => {
    const folder = newFolder()
    await (await LevelStore.open(folder)).close()
    rmSync(join(folder, 'mark'))
    const store = await LevelStore.open(folder)
    expect(await store.read()).toEqual([])
    await store.close()
  })
})

describe('blobs', () => {
  test('by hash: whole, or not there', async () => {
    const folder = newFolder()
    const { blobs, close } = await LevelStore.open(folder).then((store) => ({
      blobs: store.blobs,
      close: () => store.close(),
    }))
    const { hash, size } = await blobs.put(pieces('ab', 'c'), 3)
    expect([hash, size]).toEqual(['ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 3])
    expect(await blobs.put(pieces('abc'), 3)).toEqual({ hash, size })
    expect(await textOf(blobs.get(hash))).toBe('abc')
    expect(await blobs.list()).toEqual([{ hash, size }])
    expect(await codeOf(blobs.put(pieces('abcd'), 3))).toMatch(/^TOO_LARGE/)
    async function* broken(): AsyncIterable<Uint8Array> {
      yield* pieces('x')
      throw new Error('cut off')
    }
    expect(await codeOf(blobs.put(broken(), 3))).toMatch(/cut off/)
    expect(readdirSync(join(folder, 'blobs', 'incoming'))).toEqual([])
    for (const bad of ['../mark', 'f'.repeat(63), `${hash}/..`]) {
      expect(await blobs.info(bad)).toBeUndefined()
      expect(await codeOf(textOf(blobs.get(bad)))).toMatch(/^NOT_FOUND/)
      await blobs.delete(bad)
    }
    expect(existsSync(join(folder, 'mark'))).toBe(true)
    await blobs.delete(hash)
    expect(await blobs.info(hash)).toBeUndefined()
    await close()
  })

  test('half done: removed at the next start', async () => {
    const folder = newFolder()
    await (await LevelStore.open(folder)).close()
    writeFileSync(join(folder, 'blobs', 'incoming', 'half'), 'x')
    await (await LevelStore.open(folder)).close()
    expect(readdirSync(join(folder, 'blobs', 'incoming'))).toEqual([])
  })
})

describe('full disk', () => {
  const disk = newFolder()
  let isMounted = false
  beforeAll(() => {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return
    spawnSync('mkdir', ['-p', disk])
    isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', disk]).status === 0
  })
  afterAll(() => {
    if (isMounted) spawnSync('umount', [disk])
  })

  test('full: nothing changes, and it goes on when there is space again', async ({ skip }) => {
    if (!isMounted) skip('a small file system can be mounted by root only')
    const store = await LevelStore.open(join(disk, 'store'))
    const { fence } = await store.lead('me')
    await store.write(fence, [put('a', 1)])
    const filler = join(disk, 'filler')
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k'])
    const big = { key: 'big', value: { text: 'x'.repeat(100_000) }, expected: 0 }
    expect(await codeOf(store.write(fence, [big]))).toMatch(/^STORE_FULL/)
    expect(await codeOf(store.write(fence, [big]))).toMatch(/^STORE_FULL/)
    expect(await codeOf(store.blobs.put(pieces('x'.repeat(100_000)), 1e6))).toMatch(/^STORE_FULL/)
    expect(await store.read()).toEqual([{ key: 'a', value: { n: 1 }, revision: 1 }])
    rmSync(filler)
    expect(await store.write(fence, [big])).toEqual([1])
    await store.close()
    const again = await LevelStore.open(join(disk, 'store'))
    expect((await again.read()).map(({ key }) => key)).toEqual(['a', 'big'])
    await again.close()
  })
})
