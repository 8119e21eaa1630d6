import type { Problem } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'
import { listed } from '../stdx/listed.js'
import { didYouMean } from '../stdx/nearest.js'
import { checkOptions } from '../topology/options.js'

/**
 * The life of a topology as one pure table: in each status, which events move it on, where to, and what is to be done.
 *
 * Protocol of use: the owner of a topology holds its life. It gives every event to `step`: what a user asked for, and
 * its own delayed events when their time has come. With a step, it first keeps `next` (durably, where that is promised)
 * and then carries out the effects in order. Without one, the event has no place in this status: a user is told so, an
 * own delayed event is dropped.
 */
export type TopologyLife =
  | (Shape & { readonly status: 'ACTIVE' | 'INACTIVE' })
  /** Spouts rest for `waitMs`; then `change` is made, and the topology is again what it was: `back`. */
  | (Shape & { readonly status: 'REBALANCING'; readonly back: 'ACTIVE' | 'INACTIVE' } & Waiting & {
        readonly change: Change
      })
  /** Spouts rest for `waitMs`; then the topology is removed. Its name is taken until then. */
  | (Shape & { readonly status: 'KILLED' } & Waiting)

export type TopologyStatus = TopologyLife['status']

interface Waiting {
  readonly waitMs: number
}

/** What a rebalance can change, and a submission begins with. */
export interface Shape {
  /** Workers asked for. */
  readonly workers: number
  /** Executors asked for, by component of the user. */
  readonly executors: ReadonlyMap<string, number>
  /** How long kill and rebalance wait unless they say otherwise. */
  readonly messageTimeoutMs: number
}

/** What a rebalance changes; what is not named stays. `checkRebalance` has found it sound. */
export interface Change {
  readonly workers?: number | undefined
  readonly executors?: ReadonlyMap<string, number> | undefined
}

export type LifeEvent =
  | { readonly kind: 'submit'; readonly shape: Shape; readonly inactive: boolean }
  | { readonly kind: 'activate' | 'deactivate' }
  | { readonly kind: 'kill'; readonly waitMs?: number | undefined }
  | { readonly kind: 'rebalance'; readonly waitMs?: number | undefined; readonly change: Change }
  /** This process is the leader from now on: delays that another one began are begun anew. */
  | { readonly kind: 'gain leadership' }
  | { readonly kind: DelayedEvent }

/** Those that `after` asks for; nobody else sends them. */
export type DelayedEvent = 'do rebalance' | 'remove'

export type LifeEffect =
  /** Its spouts emit, or rest, from now on; bolts go on in any case. */
  | { readonly kind: 'set active'; readonly active: boolean }
  /** Its executors are placed anew, as if they had no slots yet; workers start in the status of `next`. */
  | { readonly kind: 'place' }
  /** The event is due in `delayMs`. A topology has one such event: this one takes the place of an earlier one. */
  | { readonly kind: 'after'; readonly delayMs: number; readonly event: DelayedEvent }
  /** Its slots are freed and its name with them. */
  | { readonly kind: 'remove' }

export interface Step {
  /** Undefined: there is no such topology any more. */
  readonly next: TopologyLife | undefined
  readonly effects: readonly LifeEffect[]
}

/** What an event makes of a topology (`undefined`: there is none of that name); undefined if it has no place there. */
export function step(life: TopologyLife | undefined, event: LifeEvent): Step | undefined {
  if (life === undefined) return event.kind === 'submit' ? submit(event) : undefined
  const row: { readonly [K in LifeEvent['kind']]?: (life: never, event: never) => Step } = table[life.status]
  return row[event.kind]?.(life as never, event as never)
}

type Row<S extends TopologyStatus> = {
  readonly [K in LifeEvent['kind']]?: (
    life: Extract<TopologyLife, { readonly status: S }>,
    event: Extract<LifeEvent, { readonly kind: K }>,
  ) => Step
}

const table: { readonly [S in 'ACTIVE' | 'INACTIVE']: Row<'ACTIVE' | 'INACTIVE'> } & {
  readonly [S in 'REBALANCING' | 'KILLED']: Row<S>
} = {
  ACTIVE: {
    activate: stay,
    deactivate: (life) => ({ next: { ...life, status: 'INACTIVE' }, effects: [setActive(false)] }),
    rebalance,
    kill,
  },
  INACTIVE: {
    activate: (life) => ({ next: { ...life, status: 'ACTIVE' }, effects: [setActive(true)] }),
    deactivate: stay,
    rebalance,
    kill,
  },
  REBALANCING: {
    'do rebalance': doRebalance,
    'gain leadership': (life) => ({ next: life, effects: [after(life.waitMs, 'do rebalance')] }),
    kill,
  },
  KILLED: {
    // The new wait counts, also when it is longer than what was left of the old one.
    kill,
    remove: () => ({ next: undefined, effects: [{ kind: 'remove' }] }),
    'gain leadership': (life) => ({ next: life, effects: [after(life.waitMs, 'remove')] }),
  },
}

function submit({ shape, inactive }: Extract<LifeEvent, { kind: 'submit' }>): Step {
  return { next: { ...shapeOf(shape), status: inactive ? 'INACTIVE' : 'ACTIVE' }, effects: [{ kind: 'place' }] }
}

function stay(life: TopologyLife): Step {
  return { next: life, effects: [] }
}

function kill(life: TopologyLife, { waitMs = life.messageTimeoutMs }: Extract<LifeEvent, { kind: 'kill' }>): Step {
  const next: TopologyLife = { ...shapeOf(life), status: 'KILLED', waitMs }
  return { next, effects: [...restOf(life), after(waitMs, 'remove')] }
}

function rebalance(
  life: Extract<TopologyLife, { status: 'ACTIVE' | 'INACTIVE' }>,
  { change, waitMs = life.messageTimeoutMs }: Extract<LifeEvent, { kind: 'rebalance' }>,
): Step {
  const next: TopologyLife = { ...shapeOf(life), status: 'REBALANCING', back: life.status, waitMs, change }
  return { next, effects: [...restOf(life), after(waitMs, 'do rebalance')] }
}

function doRebalance(life: Extract<TopologyLife, { status: 'REBALANCING' }>): Step {
  const { change, back } = life
  const executors = new Map([...life.executors, ...(change.executors ?? [])])
  const next: TopologyLife = { ...shapeOf(life), workers: change.workers ?? life.workers, executors, status: back }
  return { next, effects: [{ kind: 'place' }, setActive(back === 'ACTIVE')] }
}

/** Without what only one status has: so what was asked of a rebalance is forgotten when it is done, or overtaken. */
function shapeOf({ workers, executors, messageTimeoutMs }: Shape): Shape {
  return { workers, executors, messageTimeoutMs }
}

function restOf(life: TopologyLife): readonly LifeEffect[] {
  return life.status === 'ACTIVE' ? [setActive(false)] : []
}

function setActive(active: boolean): LifeEffect {
  return { kind: 'set active', active }
}

function after(delayMs: number, event: DelayedEvent): LifeEffect {
  return { kind: 'after', delayMs, event }
}

/**
 * All that is wrong with what a rebalance asks for. `taskCounts`: of the user's components; tasks never change, so there
 * can't be more executors than these. Ackers are changed by their own option, with a new submission.
 */
export function checkRebalance(change: Change, taskCounts: ReadonlyMap<string, number>): Problem[] {
  const problems = checkOptions({ workers: change.workers }, 'given to rebalance')
  for (const [component, count] of change.executors ?? []) {
    const tasks = taskCounts.get(component)
    if (tasks === undefined) {
      const known = [...taskCounts.keys()]
      const message = `There is no component '${component}' to rebalance.${didYouMean(component, known)} The components are ${listed(known)}.`
      problems.push({ code: 'UNKNOWN_COMPONENT', message })
    } else if (!Number.isInteger(count) || count < 1 || count > tasks) {
      const message = `The executors of '${component}' given to rebalance are ${describeValue(count)}; a whole number of 1 to ${tasks} is expected, as it has ${tasks} tasks.`
      problems.push({ code: 'INVALID_PARALLELISM', message })
    }
  }
  return problems
}
