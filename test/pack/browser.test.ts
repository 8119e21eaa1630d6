// Guards the README's "loads in a browser": LocalCluster, and the whole public door, bundle with no module of Node.
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Bundles for a browser with nothing left outside, and returns what the bundle is made of. */
async function bundle(entry: string): Promise<{ code: string; inputs: string[] }> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  expect(result.warnings).toEqual([])
  return { code: result.outputFiles[0]?.text ?? '', inputs: Object.keys(result.metafile.inputs) }
}

for (const entry of ['src/local/local-cluster.ts', 'src/index.ts', 'src/testing/index.ts']) {
  test(`browser: bundles without Node: ${entry}`, async () => {
    const { code, inputs } = await bundle(entry)
    expect(inputs).toContain(entry)
    expect(inputs.filter((input) => /^(node:|\(disabled\))/.test(input))).toEqual([])
    expect(code).not.toMatch(/\bfrom\s*['"]|\brequire\(/)
  })
}

test('browser: a module of Node is refused', async () => {
  const planted = build({
    stdin: { contents: `import { readFileSync } from 'node:fs'; console.log(readFileSync)`, resolveDir: root },
    bundle: true,
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  })
  await expect(planted).rejects.toThrow('node:fs')
})
