// Guards: "every setting has one name, one type, one default", and what is wrong in a configuration is told with its place.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { envName, flagName, readConfig, settings, type ConfigSources } from '../../src/cluster/config.js'
import { durationMs } from '../../src/cluster/settings.js'

const file = (text: string): ConfigSources => ({ file: { name: 'storm.yaml', text } })

function refusal(sources: ConfigSources): string {
  try {
    readConfig(sources)
  } catch (error) {
    expect((error as { code: string }).code).toBe('INVALID_SETTING')
    return (error as Error).message
  }
  throw new Error('was accepted')
}

describe('config', () => {
  test('precedence: flag over environment over file over default', () => {
    const sources = {
      ...file('port: 1\nbind: ::1\ndataDir: /f\n'),
      env: { STORM_TS_PORT: '2', STORM_TS_DATA_DIR: '/e' },
    }
    const config = readConfig({ ...sources, flags: { port: 3, slots: undefined } })
    expect([config.port, config.dataDir, config.bind, config.slots]).toEqual([3, '/e', '::1', 4])
  })

  test('forms: yaml and json, lists and units, tabs in json', () => {
    const yaml = readConfig(file('ports: [6700, 6701]\nsupervisorTimeoutMs: 20s\nartefactBytesMax: 2MiB\n'))
    const json = readConfig(
      file('{\n\t"ports": [6700, 6701],\n\t"supervisorTimeoutMs": 20000,\n\t"artefactBytesMax": 2097152\n}'),
    )
    const env = readConfig({
      env: {
        STORM_TS_PORTS: '6700, 6701',
        STORM_TS_SUPERVISOR_TIMEOUT_MS: '20s',
        STORM_TS_ARTEFACT_BYTES_MAX: '2MiB',
        PATH: 'x',
      },
    })
    expect(yaml.ports).toEqual([6700, 6701])
    expect([yaml.supervisorTimeoutMs, yaml.artefactBytesMax]).toEqual([20_000, 2_097_152])
    expect(json).toEqual(yaml)
    expect(env).toEqual(yaml)
  })

  test('empty: a file without anything in it has the defaults', () => {
    expect(readConfig(file('# nothing yet\n'))).toEqual(readConfig({}))
  })

  const cases: [string, ConfigSources, RegExp][] = [
    [
      'misspelt in a file',
      file('bind: ::1\nprot: 1\n'),
      /^storm\.yaml:2: there is no setting 'prot'\. Did you mean 'port'\?$/,
    ],
    [
      'misspelt in the environment',
      { env: { STORM_TS_PROT: '1' } },
      /STORM_TS_PROT' is no setting\. Did you mean 'STORM_TS_PORT'\?/,
    ],
    [
      'wrong type',
      file('port: yes please\n'),
      /^storm\.yaml:1: 'port' is 'yes please'; expected is a whole number of 0 to 65535\.$/,
    ],
    ['out of range', { flags: { port: 65_536 } }, /the option --port: 'port' is 65536/],
    ['bad yaml', file('port: [1\nbind: x'), /^storm\.yaml:\d+: /],
    ['a tab in yaml', file('port:\n\t- 1\n'), /^storm\.yaml:2: /],
    ['a key twice', file('port: 1\nport: 2\n'), /^storm\.yaml:2: .*unique/],
    ['an alias', file('ports: &a [6700]\nallowedHosts: *a\n'), /^storm\.yaml:2: an alias is not allowed/],
    ['a key of prototypes', file('__proto__: {port: 1}\n'), /no setting '__proto__'/],
    ['a list instead of names', file('- port\n'), /^storm\.yaml:1: settings by name/],
    ['nested', file('port: {a: {b: 1}}\n'), /'port' is an object/],
    ['far too long', file('#'.repeat(1_100_000)), /is longer than/],
    ['two at once', file('port: x\nbind: ""\n'), /storm\.yaml:1: .*\nstorm\.yaml:2: /],
  ]
  for (const [name, sources, message] of cases)
    test(`refused: ${name}`, () => expect(refusal(sources)).toMatch(message))

  test('names: every setting has a variable, a flag and a sentence of its own', () => {
    const names = Object.keys(settings)
    expect(envName('supervisorTimeoutMs')).toBe('STORM_TS_SUPERVISOR_TIMEOUT_MS')
    expect(flagName('supervisorTimeoutMs')).toBe('--supervisor-timeout-ms')
    expect(new Set(names.map(envName)).size).toBe(names.length)
    expect(new Set(Object.values(settings).map(({ sentence }) => sentence)).size).toBe(names.length)
  })

  test('documents: the page has every setting, as it is', () => {
    const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
    const rows = page.split('\n').filter((line) => /^\| `\w+` \| .* \| .* \| .* \| .* \|$/.test(line))
    expect(rows).toEqual(
      Object.entries(settings).map(([name, setting]) => {
        const value: unknown = setting.default
        const byDefault =
          value === undefined ? '–' : typeof value === 'object' ? 'none' : `\`${value as string | number | boolean}\``
        return `| \`${name}\` | ${setting.kind.name} | ${byDefault} | ${setting.for.join(', ')} | ${setting.sentence} |`
      }),
    )
  })

  test('durations: as people write them', () => {
    const read = (text: string) => durationMs(text, 's')
    expect(['10', '500ms', '30s', '5m', '1.5h', '0'].map(read)).toEqual([10_000, 500, 30_000, 300_000, 5_400_000, 0])
    expect(['-5', 'NaN', '1e99', '5 parsecs', '', '99999999h', '0x10', '1.'].map(read)).toEqual(
      Array(8).fill(undefined),
    )
  })
})
