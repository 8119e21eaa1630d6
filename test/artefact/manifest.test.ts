// Guards "an artefact tells what it is without being run".
import { describe, expect, test } from 'vitest'
import { checkEngine, manifestLine, readManifest, type Manifest } from '../../src/artefact/manifest.js'

const manifest: Manifest = { format: 1, entry: 'topology.ts', engine: '0.1.0', node: 20 }

describe('manifest', () => {
  test('written and read', () => {
    expect(readManifest(`${manifestLine(manifest)}\nimport 'x'\n`)).toEqual(manifest)
    expect(readManifest(manifestLine(manifest))).toEqual(manifest)
  })

  test.each([
    ['nothing', ''],
    ['a module', 'export default 1'],
    ['a comment of somebody', '// storm-ts artefact of mine'],
    ['no JSON', '// storm-ts artefact {"format":1'],
    ['another format', '// storm-ts artefact {"format":2,"entry":"a","engine":"1.0.0","node":20}'],
    ['a field of another type', '// storm-ts artefact {"format":1,"entry":7,"engine":"1.0.0","node":20}'],
    ['not at the beginning', ` ${manifestLine(manifest)}`],
    ['too long', `// storm-ts artefact {"format":1,"entry":"${'a'.repeat(5_000)}","engine":"1.0.0","node":20}`],
  ])('refused: %s', (_, text) => {
    expect(readManifest(text)).toBeUndefined()
  })

  test.each([
    ['0.1.0', '0.1.7', true],
    ['0.1.0', '0.2.0', false],
    ['0.1.0', '1.1.0', false],
    ['1.4.0', '1.0.0', true],
    ['1.0.0', '2.0.0', false],
  ])('engine: %s on %s: %s', (engine, running, fits) => {
    const check = () => checkEngine({ ...manifest, engine }, running)
    if (fits) expect(check).not.toThrow()
    else expect(check).toThrow(expect.objectContaining({ code: 'ENGINE_MISMATCH' }))
  })
})
