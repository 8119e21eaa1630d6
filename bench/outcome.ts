import type { LatencyUs } from './pace.js'
import type { Profile } from './profile.js'

/** One measuring window, as long as it really was. */
export interface Window {
  readonly seconds: number
  /** Spout tuples done: acked, or arrived at the sink where there are no acks. */
  readonly count: number
  /** User and system time of all processes of the run. */
  readonly cpuUs: number
  readonly failed: number
  /** Of the process, or of the larger worker. */
  readonly rssBytes: number
  /** Of the time, what garbage collection took; of the process, or of the spout's and the sink's worker together. */
  readonly gcMs: number
  readonly latencyUs: LatencyUs | undefined
  /** How late a process woke up, at the same time, that does nothing else. */
  readonly wakeUs: LatencyUs | undefined
  /** With two workers: each process of the run. */
  readonly processes: readonly ProcessShare[] | undefined
}

export interface ProcessShare {
  readonly name: string
  readonly cpuUs: number
  readonly rssBytes: number
  /** Bytes that the process wrote, of which those of workers nearly all go to the other worker. */
  readonly writtenBytes: number
}

export interface Outcome {
  readonly windows: readonly Window[]
  /** `ok`, or what is wrong with the work of the whole run, which speaks for every window of it. */
  readonly check: string
  readonly options: Readonly<Record<string, unknown>>
  /** By process, where profiles were asked for. */
  readonly profiles: Readonly<Record<string, Profile>>
}

/** Told of each window as it closes; windows are numbered from 1. */
export type OnWindow = (window: Window, number: number) => void
