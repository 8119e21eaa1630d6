import { stepBatch, type Scheduler, type Steppable } from '../executor/step.js'
import type { Clock } from '../stdx/clock.js'
import { Ring } from '../stdx/ring.js'

/** A turn lasts about so long; then I/O and timers of the process have theirs. */
const turnMsMax = 1
/** A step that takes longer is reported. */
const longStepMs = 2_000
/** And so many steps at most: on a virtual clock no time passes within a turn. */
const turnStepsMax = 1_024
/** A millisecond of work pays for one of lingering: a loop that is busy for half of its time need never sleep. */
const lingerMsMax = 0.5
/** Sleep costs this part of its length: a loop that is busy for less than a third of its time does not linger. */
const sleepWeight = 0.5

/**
 * One worker's loop: steps the tasks that have work, in turn, and sleeps when none has, until one is enqueued or wants to
 * be woken.
 *
 * A timer wakes after one or two milliseconds, however short the wait was to be: under load, that is many tuples late. So
 * a loop that has had much to do *lingers* before it sleeps: it yields to I/O and asks those who wait again. Its work
 * pays for that, in measure, so that a worker with little to do uses no more of the machine than before.
 */
export class Loop implements Scheduler {
  turnMs = 0
  isLingering = false
  hasFound = false
  /** The task that is being stepped; undefined between turns, when what runs may be of any task. */
  running: Steppable | undefined
  /** Where a watchdog sees the id of the task that is being stepped, 0 between turns; null: there is none. */
  note: { set(task: number): void } | null = null
  /** Told of a step that held up the loop for long: user code that does too much at once. */
  onLongStep: (task: Steppable, ms: number) => void = () => {}
  /**
   * A loop that finds that it has not been `seen` for longer than `pauseMsMax` holds: no task is stepped and no turn ends
   * until `release`. Its process was stopped, and the world may have gone on without it.
   */
  pauseMsMax = Infinity
  /** Told when it holds, and how long it was away. */
  onPause: (ms: number) => void = () => {}
  readonly #clock: Clock
  readonly #ready = new Ring<Steppable>()
  /** They are moved to `#ready` when that is empty, and at the beginning of a turn. */
  readonly #later = new Ring<Steppable>()
  readonly #tasks: Steppable[] = []
  readonly #idleListeners = new Set<() => void>()
  readonly #turnListeners: (() => void)[] = []
  #state: 'asleep' | 'called' | 'turning' | 'held' | 'stopped' = 'asleep'
  #cancelAlarm: (() => void) | undefined
  /** How long it may linger, in milliseconds; below zero: how much work would have to come first. */
  #lingerMs = 0
  #isIdle = false
  /** When it last had nothing to do any more, and something again. */
  #idleSinceMs = 0
  #busySinceMs = 0
  #seenMs: number
  /** While it holds: a turn that was asked for before is still to come. */
  #isCalled = false
  readonly #turn = () => this.#runTurn()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#seenMs = clock.now()
  }

  now(): number {
    return this.#clock.now()
  }

  /** Has the task woken at its `wakeAtMs` from now on. */
  add(task: Steppable): void {
    this.#tasks.push(task)
  }

  enqueue(task: Steppable): void {
    if (task.queued) return
    task.queued = true
    this.#ready.push(task)
    if (this.#state === 'asleep') this.#call()
  }

  enqueueLater(task: Steppable): void {
    if (task.isDeferred || task.queued) return
    task.isDeferred = true
    this.#later.push(task)
    if (this.#state === 'asleep') this.#call()
  }

  /** Has a turn soon although no task has work: something is to be done at its end. */
  wake(): void {
    if (this.#state === 'asleep') this.#call()
  }

  /** Calls back at the end of each turn. */
  onTurnEnd(listener: () => void): void {
    this.#turnListeners.push(listener)
  }

  /** Calls back whenever no task has work, until the returned function is called. */
  onIdle(listener: () => void): () => void {
    this.#idleListeners.add(listener)
    // Nothing may be going on any more, so a turn is asked for: it ends idle.
    if (this.#state === 'asleep') this.#call()
    return () => this.#idleListeners.delete(listener)
  }

  /** The process is alive. To be called more often than `pauseMsMax`, however little there is to do. */
  seen(nowMs: number): void {
    const awayMs = nowMs - this.#seenMs
    this.#seenMs = nowMs
    if (awayMs <= this.pauseMsMax || this.#state === 'stopped') return
    if (this.#state !== 'held') {
      this.#cancelAlarm?.()
      this.#cancelAlarm = undefined
      this.#isCalled = this.#state === 'called'
      this.#state = 'held'
    }
    this.onPause(awayMs)
  }

  /** Goes on after a pause, unless there was another one meanwhile, of which is told then. */
  release(): void {
    if (this.#state !== 'held') return
    const nowMs = this.#clock.now()
    if (nowMs - this.#seenMs > this.pauseMsMax) return this.seen(nowMs)
    this.#seenMs = nowMs
    if (this.#isCalled) this.#state = 'called'
    else this.#call()
  }

  /** No task is stepped any more. */
  stop(): void {
    this.#state = 'stopped'
    this.#cancelAlarm?.()
    this.#idleListeners.clear()
  }

  #call(): void {
    this.#cancelAlarm?.()
    this.#cancelAlarm = undefined
    this.#state = 'called'
    this.#clock.soon(this.#turn)
  }

  #runTurn(): void {
    if (this.#halted()) {
      this.#isCalled = false
      return
    }
    this.#state = 'turning'
    const startMs = this.#clock.now()
    this.seen(startMs)
    if (this.#halted()) return
    const ready = this.#ready
    this.turnMs = startMs
    const isFirst = this.#isIdle
    if (isFirst) this.#endIdle(startMs)
    const askedEarly = this.#wakeDue(startMs)
    let task: Steppable | undefined
    let steps = 0
    this.#endDeferral()
    while ((task = this.#next()) !== undefined) {
      task.queued = false
      task.isDeferred = false
      this.running = task
      if (this.note !== null) this.note.set(task.id)
      if (task.step(this.turnMs) && !task.queued) {
        task.queued = true
        ready.push(task)
      }
      this.running = undefined
      if (this.#halted()) return
      const stepMs = this.#clock.now() - this.turnMs
      this.turnMs += stepMs
      if (stepMs > turnMsMax) task.batch = Math.max(1, task.batch >> 1)
      else if (task.batch < stepBatch) task.batch = Math.min(stepBatch, task.batch * 2)
      if (stepMs > longStepMs) {
        this.onLongStep(task, stepMs)
        this.seen(this.turnMs)
        if (this.#halted()) {
          if (this.note !== null) this.note.set(0)
          return
        }
      }
      if (++steps >= turnStepsMax || this.turnMs - startMs >= turnMsMax) break
    }
    if (this.note !== null) this.note.set(0)
    for (const listener of this.#turnListeners) listener()
    if (ready.size + this.#later.size > 0) {
      this.#state = 'called'
      this.#clock.yield(this.#turn)
      return
    }
    this.#beginIdle(isFirst && steps === askedEarly && !this.hasFound)
    for (const listener of this.#idleListeners) listener()
    if (this.#halted()) return
    this.#state = 'asleep'
    if (ready.size + this.#later.size > 0) this.#call()
    else if (this.isLingering) {
      this.#state = 'called'
      this.#clock.yield(this.#turn)
    } else this.#sleep()
  }

  #next(): Steppable | undefined {
    const task = this.#ready.shift()
    if (task !== undefined || this.#later.size === 0) return task
    this.#endDeferral()
    return this.#ready.shift()
  }

  #endDeferral(): void {
    let task: Steppable | undefined
    while ((task = this.#later.shift()) !== undefined) {
      // Else it has been stepped meanwhile.
      if (task.isDeferred && !task.queued) {
        task.queued = true
        this.#ready.push(task)
      }
      task.isDeferred = false
    }
  }

  #endIdle(nowMs: number): void {
    this.#isIdle = false
    this.hasFound = false
    this.#busySinceMs = nowMs
    const idleMs = nowMs - this.#idleSinceMs
    this.#lingerMs = Math.max(-lingerMsMax, this.#lingerMs - (this.isLingering ? idleMs : idleMs * sleepWeight))
  }

  /** `isVain`: all that was done is that those who wait were asked again, and had nothing. */
  #beginIdle(isVain: boolean): void {
    this.#isIdle = true
    const nowMs = this.#clock.now()
    this.#idleSinceMs = nowMs
    const workMs = nowMs - this.#busySinceMs
    this.#lingerMs = isVain ? this.#lingerMs - workMs : Math.min(lingerMsMax, this.#lingerMs + workMs)
    this.isLingering = this.#lingerMs > 0 && this.#tasks.some(isWaiting)
  }

  /** The state as others may have left it meanwhile: user code that runs in a step may end the topology. */
  #halted(): boolean {
    return this.#state === 'stopped' || this.#state === 'held'
  }

  /** Returns how many it has asked before their time. */
  #wakeDue(nowMs: number): number {
    let early = 0
    for (const task of this.#tasks) {
      if (task.queued) continue
      if (task.wakeAtMs > nowMs) {
        if (!this.isLingering || !task.isWaiting) continue
        early++
      }
      task.queued = true
      this.#ready.push(task)
    }
    return early
  }

  #sleep(): void {
    let wakeAtMs = Infinity
    for (const task of this.#tasks) if (task.wakeAtMs < wakeAtMs) wakeAtMs = task.wakeAtMs
    if (wakeAtMs === Infinity) return
    this.#cancelAlarm = this.#clock.after(Math.max(0, wakeAtMs - this.#clock.now()), () => {
      this.#cancelAlarm = undefined
      if (this.#state !== 'asleep') return
      this.#state = 'called'
      this.#runTurn()
    })
  }
}

function isWaiting(task: Steppable): boolean {
  return task.isWaiting
}
