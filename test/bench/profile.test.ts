// The profile names the functions in which the time went.
import { expect, test } from 'vitest'
import { startProfile, topSelfTimes, type Profile } from '../../bench/profile.js'

const frame = (functionName: string, url: string, lineNumber: number) => ({
  functionName,
  url,
  lineNumber,
  columnNumber: 0,
  scriptId: '0',
})

test('bench: profile: self time by function, over all call paths', () => {
  const profile: Profile = {
    nodes: [
      { id: 1, callFrame: frame('', '', -1) },
      { id: 2, callFrame: frame('push', 'file:///somewhere/build/ring.js', 9) },
      { id: 3, callFrame: frame('push', 'file:///somewhere/build/ring.js', 9) },
      { id: 4, callFrame: frame('(garbage collector)', '', -1) },
    ],
    startTime: 0,
    endTime: 1_000,
    samples: [2, 4, 3, 1],
    timeDeltas: [0, 400, 100, 500],
  }
  expect(topSelfTimes(profile, 1)).toEqual([{ name: 'push', place: 'build/ring.js:10', ms: 0.9, share: 0.9 }])
  expect(topSelfTimes(profile, 15).map(({ name }) => name)).toEqual(['push', '(garbage collector)'])
})

test('bench: profile: taken of this process', async () => {
  const profiling = await startProfile()
  const profile = await profiling.stop()
  expect(profile.nodes.length).toBeGreaterThan(0)
})
