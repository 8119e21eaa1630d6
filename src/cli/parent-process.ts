/**
 * The process that started this one over a channel, as `storm-ts dev` starts its daemons. A shell. It is told when this
 * one is ready, and asks it to end; when it is gone, that is asked, too.
 */
export interface ParentProcess {
  ready(url: string): void
  onEnd(end: () => void): void
}

/** What goes over the channel, up and down. */
export type Ready = { readonly kind: 'ready'; readonly url: string }
export type End = { readonly kind: 'end' }

/** Undefined: it was started by hand. */
export function parentProcess(): ParentProcess | undefined {
  if (process.send === undefined) return undefined
  return {
    ready: (url) => void process.send?.({ kind: 'ready', url } satisfies Ready),
    onEnd(end) {
      process.once('message', end)
      process.once('disconnect', end)
    },
  }
}
