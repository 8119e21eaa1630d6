import { describeError, describeValue } from '../stdx/describe-error.js'
import { quoted } from '../stdx/listed.js'
import type { Bolt, Spout } from './component.js'
import type { Declaration } from './handle.js'
import { checkOptions, mergeOptions, taskLimit, type TopologyOptions } from './options.js'
import type { Problems } from './problems.js'
import { isStream, type Stream } from './stream.js'

/** What is known of a declared component once it was looked at. */
export interface CheckedComponent {
  readonly declaration: Declaration
  /** "bolt 'count'": how it is called in sentences. */
  readonly label: string
  /** By stream id; undefined if they could not be learnt, and then nothing that hangs on them is a further problem. */
  readonly outputs: ReadonlyMap<string, Stream> | undefined
  /** The streams that a basic bolt says it reads. */
  readonly inputs: readonly Stream[]
  readonly options: Partial<TopologyOptions>
}

/** Looks at all of a component but its subscriptions. Calls its factory twice. */
export function checkComponent(declaration: Declaration, problems: Problems): CheckedComponent {
  const { kind, id, parallelism, tasks } = declaration
  const label = `${kind} ${typeof id === 'string' ? quoted(id) : `with the id ${describeValue(id)}`}`
  checkId(id, `the id of ${label}`, problems)
  checkCount(parallelism, `the parallelism of ${label}`, problems)
  if (tasks !== undefined) checkCount(tasks, `the task count of ${label}`, problems)
  const options = componentOptions(declaration, label, problems)
  const instance = tryFactory(declaration, label, problems)
  if (instance === undefined) return { declaration, label, options, outputs: undefined, inputs: [] }
  return { declaration, label, options, ...streamsOf(instance, label, problems) }
}

function checkId(id: unknown, what: string, problems: Problems): void {
  if (id === '') problems.add('EMPTY_ID', `${what} is empty.`)
  else if (typeof id !== 'string' || /\p{Cs}/u.test(id)) {
    problems.add('INVALID_ID', `${what} is not a string of well-formed Unicode.`)
  } else if (id.startsWith('__')) {
    problems.add('RESERVED_ID', `${what} begins with '__', as only those of the engine do.`)
  }
}

function checkCount(count: unknown, what: string, problems: Problems): void {
  if (Number.isInteger(count) && (count as number) >= 1 && (count as number) <= taskLimit) return
  problems.add(
    'INVALID_PARALLELISM',
    `${what} is ${describeValue(count)}; a whole number of 1 to ${taskLimit} is expected, as a component has at most ${taskLimit} tasks.`,
  )
}

/** All that was set, later over earlier; nothing if some of it is wrong. */
function componentOptions({ kind, options }: Declaration, label: string, problems: Problems): Partial<TopologyOptions> {
  const found = options.flatMap((given) => checkOptions(given, `of ${label}`, kind))
  problems.list.push(...found)
  return found.length === 0 ? mergeOptions(options as (Partial<TopologyOptions> | undefined)[]) : {}
}

/** An instance that the factory made, if it is a factory, and of this kind of component. */
function tryFactory({ kind, create }: Declaration, label: string, problems: Problems): object | undefined {
  if (typeof create !== 'function' || isClass(create)) {
    problems.add(
      'NOT_A_FACTORY',
      `${label} was given as ${isClass(create) ? 'a class' : describeValue(create)}; a function that makes a new one is expected: () => new It().`,
    )
    return undefined
  }
  try {
    const made: unknown[] = [create(), create()]
    const wrong = made.map((instance) => notA(kind, instance)).find((words) => words !== undefined)
    if (wrong !== undefined) problems.add('NOT_A_COMPONENT', `the factory of ${label} made ${wrong}.`)
    else if (made[0] === made[1]) {
      problems.add('SHARED_INSTANCE', `the factory of ${label} made the same instance twice; each task needs its own.`)
    } else return made[0] as object
  } catch (error) {
    problems.add('FACTORY_THREW', `the factory of ${label} threw when it was tried: ${describeError(error).message}`)
  }
  return undefined
}

function isClass(create: unknown): boolean {
  return typeof create === 'function' && /^class\b/.test(Function.prototype.toString.call(create))
}

/** In words what `instance` is if it is not a component of this kind. */
function notA(kind: 'spout' | 'bolt', instance: unknown): string | undefined {
  if (instance instanceof Promise) {
    instance.catch(() => undefined)
    return 'a promise; a factory returns the instance itself, and what takes time belongs in open or prepare'
  }
  const methods = (typeof instance === 'object' && instance !== null ? instance : {}) as Partial<Spout & Bolt>
  const [own, other] = kind === 'spout' ? [methods.nextTuple, methods.execute] : [methods.execute, methods.nextTuple]
  if (typeof own === 'function') return undefined
  if (typeof other === 'function') {
    return kind === 'spout' ? 'a bolt; setBolt takes those' : 'a spout; setSpout takes those'
  }
  const expected = kind === 'spout' ? 'a spout has a method nextTuple' : 'a bolt has a method execute'
  return `${describeValue(instance)}; ${expected}`
}

function streamsOf(instance: object, label: string, problems: Problems): Pick<CheckedComponent, 'outputs' | 'inputs'> {
  try {
    const { outputs, '~input': input } = instance as { outputs?: unknown; '~input'?: unknown }
    const inputs = Array.isArray(input) ? input.filter(isStream) : []
    return { outputs: checkOutputs(outputs, label, problems), inputs }
  } catch (error) {
    problems.add('FACTORY_THREW', `the outputs of ${label} threw when they were read: ${describeError(error).message}`)
    return { outputs: undefined, inputs: [] }
  }
}

function checkOutputs(outputs: unknown, label: string, problems: Problems): ReadonlyMap<string, Stream> | undefined {
  if (outputs === undefined) return new Map()
  if (typeof outputs !== 'object' || outputs === null || Array.isArray(outputs)) {
    problems.add(
      'BAD_STREAM',
      `${label} has ${describeValue(outputs)} as its outputs; a stream, or an object of streams by id, is expected.`,
    )
    return undefined
  }
  const streams = new Map<string, Stream>()
  let isSound = true
  for (const [id, stream] of isStream(outputs) ? ([['default', outputs]] as const) : Object.entries(outputs)) {
    checkId(id, `the id of stream ${quoted(id)} of ${label}`, problems)
    if (isStream(stream)) streams.set(id, checkFields(stream, `stream ${quoted(id)} of ${label}`, problems))
    else {
      problems.add(
        'BAD_STREAM',
        `stream ${quoted(id)} of ${label} is ${describeValue(stream)}; stream({ field: type }) is expected.`,
      )
      isSound = false
    }
  }
  return isSound ? streams : undefined
}

/** The stream, frozen: one that was written by hand might be changed later. */
function checkFields(stream: Stream, label: string, problems: Problems): Stream {
  for (const field of new Set(stream.fields.filter((name, index) => stream.fields.indexOf(name) !== index))) {
    problems.add('DUPLICATE_FIELD', `${label} has the field ${quoted(field)} twice.`)
  }
  if (stream.fields.includes('__proto__')) problems.add('BAD_STREAM', `${label} has a field called '__proto__'.`)
  return Object.isFrozen(stream) ? stream : Object.freeze({ ...stream, fields: Object.freeze([...stream.fields]) })
}
