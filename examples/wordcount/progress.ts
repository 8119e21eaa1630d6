import type { RunningTopology } from 'storm-ts'

/** What the run has done so far. */
export interface Figures {
  /** Lines read from the input, each once however often it was emitted. */
  readonly lines: number
  readonly acked: number
  readonly failed: number
  readonly pending: number
  /** Tuples that any bolt has executed. */
  readonly executed: number
  readonly seconds: number
}

export function figuresOf(run: RunningTopology, startMs: number, nowMs: number): Figures {
  const { components, pending } = run.metrics()
  const { emitted = 0, acked = 0, failed = 0 } = components['lines'] ?? {}
  const executed = Object.values(components).reduce((sum, component) => sum + component.executed, 0)
  // What failed is emitted once more, so that in the end these are the lines that there are.
  return { lines: emitted - failed, acked, failed, pending, executed, seconds: (nowMs - startMs) / 1_000 }
}

/** The one line that is left of a run. */
export function summaryOf({ lines, acked, failed, seconds }: Figures): string {
  return `lines read: ${lines}, acked: ${acked}, failed: ${failed}, seconds: ${seconds.toFixed(2)}`
}

/** A line about a run under way, for people; the rate is that since `before`. */
function progressOf(now: Figures, before: Figures): string {
  const rate = Math.round((now.executed - before.executed) / Math.max(0.001, now.seconds - before.seconds))
  const told = (count: number) => count.toLocaleString('en')
  return `${told(rate)} tuples/s · acked ${told(now.acked)} · failed ${told(now.failed)} · pending ${told(now.pending)} · ${now.seconds.toFixed(1)} s`
}

const everyMs = 200

/** Keeps a line about a run on a terminal, writing it over itself. Returns the way to take it off. */
export function showProgress(terminal: NodeJS.WriteStream, figures: () => Figures): () => void {
  const eraseLine = '\r\u001b[K'
  let before = figures()
  const timer = setInterval(() => {
    const now = figures()
    // A line that is broken by the terminal could not be written over.
    terminal.write(eraseLine + progressOf(now, before).slice(0, (terminal.columns || 80) - 1))
    before = now
  }, everyMs)
  return () => {
    clearInterval(timer)
    terminal.write(eraseLine)
  }
}
