import { existsSync, readFileSync, renameSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { GcTime } from './gc-time.js'
import { startProfile, type Profile } from './profile.js'

/**
 * How the benchmark talks to its own components in worker processes: through files in one folder, since these processes
 * belong to the engine. The harness puts up a question; each station sees it within a few milliseconds, does what it
 * says, and answers with what its component has counted.
 */
export interface Question {
  /** From 1 up: a station answers each once. */
  readonly number: number
  /** The spout is to end. */
  readonly stop?: boolean
  readonly profile?: 'start' | 'stop'
}

/** What every answer has, beside what the component says. */
export interface Answer {
  readonly number: number
  readonly pid: number
  /** Of the process, since its first station was opened. */
  readonly gcMs: number
}

const questionName = 'question.json'

/** Of this process, whichever of its stations is asked. */
let gc: GcTime | undefined
let profiling: ReturnType<typeof startProfile> | undefined
let profile: Promise<Profile> | undefined

/** In a worker: answers as `name`, for as long as the process lives. */
export function openStation(folder: string, name: string, answer: (question: Question) => object): void {
  gc ??= new GcTime()
  const time = gc
  let answered = 0
  let isBusy = false
  const look = async () => {
    const question = read(join(folder, questionName)) as Question | undefined
    if (question === undefined || question.number <= answered) return
    if (question.profile === 'start') profiling ??= startProfile()
    await profiling
    if (question.profile === 'stop' && profiling !== undefined) {
      profile ??= profiling.then((started) => started.stop())
      writeFileSync(join(folder, `${process.pid}.cpuprofile`), JSON.stringify(await profile))
    }
    answered = question.number
    write(join(folder, `${name}.json`), {
      ...answer(question),
      number: question.number,
      pid: process.pid,
      gcMs: time.ms,
    })
  }
  const lookIfFree = () => {
    if (isBusy) return
    isBusy = true
    void look().finally(() => (isBusy = false))
  }
  // Nothing is done while nobody asks: what an idle worker costs is a figure, too.
  watch(folder, (_, file) => {
    if (file === questionName) lookIfFree()
  }).unref()
  lookIfFree()
}

/** In the harness: asks all stations and waits for their answers. */
export class Stations {
  readonly #folder: string
  readonly #names: readonly string[]
  #number = 0

  constructor(folder: string, names: readonly string[]) {
    this.#folder = folder
    this.#names = names
  }

  /** `onFirst` is called as soon as the first station of the list has answered. Throws when they do not within `limitMs`. */
  async ask<A extends object>(
    question: Omit<Question, 'number'>,
    limitMs: number,
    onFirst = () => {},
  ): Promise<(A & Answer)[]> {
    const number = ++this.#number
    write(join(this.#folder, questionName), { ...question, number } satisfies Question)
    const endMs = performance.now() + limitMs
    const answers: (A & Answer)[] = []
    for (const [index, name] of this.#names.entries()) {
      let answer: (A & Answer) | undefined
      while ((answer = read(join(this.#folder, `${name}.json`)) as (A & Answer) | undefined)?.number !== number) {
        if (performance.now() > endMs) throw new Error(`the ${name} has not answered within ${limitMs / 1_000} s`)
        await sleep(2)
      }
      if (index === 0) onFirst()
      answers.push(answer as A & Answer)
    }
    return answers
  }
}

/** Undefined: it is not there. */
function read(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/** Whoever reads sees all of it or nothing. */
function write(path: string, value: object): void {
  writeFileSync(`${path}.new`, JSON.stringify(value))
  renameSync(`${path}.new`, path)
}
