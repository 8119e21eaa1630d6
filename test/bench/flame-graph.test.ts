// A flame graph shows who called whom, and for how long.
import { expect, test } from 'vitest'
import { flameGraph } from '../../bench/flame-graph.js'

const frame = (functionName: string) => ({ functionName, url: '', lineNumber: 0, columnNumber: 0, scriptId: '0' })

test('bench: flame graph: functions on those that called them; waiting is left out', () => {
  const svg = flameGraph(
    {
      nodes: [
        { id: 1, callFrame: frame('(root)'), children: [2, 4] },
        { id: 2, callFrame: frame('outer<T>'), children: [3] },
        { id: 3, callFrame: frame('inner') },
        { id: 4, callFrame: frame('(idle)') },
      ],
      startTime: 0,
      endTime: 1_000,
      samples: [2, 3, 3, 4, 2],
      timeDeltas: [0, 250, 250, 250, 250],
    },
    'a title',
  )
  expect(svg).toContain('outer&lt;T&gt;: 100.00 %')
  expect(svg).toContain('inner: 66.67 %')
  expect(svg).not.toContain('idle')
})
