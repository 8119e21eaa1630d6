import { Session, type Profiler } from 'node:inspector/promises'

/** Microseconds between two samples: fine enough for functions of a few per cent in a window of a second. */
const SAMPLE_EVERY_US = 250

export type Profile = Profiler.Profile

export interface SelfTime {
  readonly name: string
  /** File and line, as far as there is one: `(garbage collector)` has none. */
  readonly place: string
  readonly ms: number
  /** Of all sampled time. */
  readonly share: number
}

/** Starts sampling this process. The figures of a run that is sampled are a little dearer than they would be. */
export async function startProfile(): Promise<{ stop(): Promise<Profile> }> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US })
  await session.post('Profiler.start')
  return {
    async stop() {
      const { profile } = await session.post('Profiler.stop')
      session.disconnect()
      return profile
    },
  }
}

/** A sample stands for so long at most: what is beyond, the process was not running, as others had its core. */
const SAMPLE_US_MAX = 4 * SAMPLE_EVERY_US

/** The time of each sample: a delta is counted from the sample before, and a sample's time is that to the next one. */
export function sampleTimes({
  samples = [],
  timeDeltas = [],
}: Profile): { readonly node: number; readonly us: number }[] {
  return samples.map((node, index) => ({ node, us: Math.min(SAMPLE_US_MAX, Math.max(0, timeDeltas[index + 1] ?? 0)) }))
}

/** The functions in which most time went, themselves and not what they called, dearest first. */
export function topSelfTimes(profile: Profile, count: number): SelfTime[] {
  const frameByNode = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const usByFunction = new Map<string, { name: string; place: string; us: number }>()
  let totalUs = 0
  for (const { node, us } of sampleTimes(profile)) {
    const frame = frameByNode.get(node)
    // Waiting is no work.
    if (frame === undefined || us === 0 || frame.functionName === '(idle)') continue
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName
    const place = frame.url === '' ? '' : `${frame.url.split('/').slice(-2).join('/')}:${frame.lineNumber + 1}`
    const key = `${name} ${place}`
    const entry = usByFunction.get(key) ?? { name, place, us: 0 }
    entry.us += us
    usByFunction.set(key, entry)
    totalUs += us
  }
  return [...usByFunction.values()]
    .toSorted((a, b) => b.us - a.us)
    .slice(0, count)
    .map(({ name, place, us }) => ({ name, place, ms: us / 1000, share: us / totalUs }))
}
