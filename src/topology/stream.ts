import type { StandardSchemaV1 } from '@standard-schema/spec'
import { StormError } from '../errors.js'
import { nearest } from '../stdx/nearest.js'
import { describeValue } from '../stdx/describe-error.js'
import { quoted } from '../stdx/listed.js'

/** What users carry, values and message ids, of whatever type they are: the one place where `any` is written. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Values = any

/**
 * Type of one field: one of `t.*`, or any Standard Schema (zod, valibot, arktype). Values are looked at only where the
 * option `validate` is on. A schema that transforms is never asked for its result: values travel as they were emitted.
 */
export type FieldType<T = Values> = StandardSchemaV1<Values, T>

/** A stream's declaration: its fields in order, each with its type. Made by `stream`. */
export interface Stream<V extends object = Values> {
  readonly fields: readonly string[]
  /** Whether the emitter names the receiving task (`emitDirect`, `directGrouping`). */
  readonly direct: boolean
  readonly '~values'?: V
}

/** The values object that a stream carries. */
export type ValuesOf<S extends Stream> = NonNullable<S['~values']>

/** Streams of a component by id; `default` is the one that `emit` uses. A single stream stands for `{ default: it }`. */
export type Streams = { readonly [id: string]: Stream }

/** What `emit` takes: the values of the stream `default`. */
export type Default<O> = O extends { readonly default: Stream<infer V> } ? V : never

/** Streams by id, of a component that declared either a record of streams or a single one. */
export type Named<O> = O extends Stream ? { readonly default: O } : O extends Streams ? O : never

/** A stream as `stream` makes it; one written by hand has no types, and then only its names are checked. */
interface TypedStream extends Stream {
  readonly '~types'?: Readonly<Record<string, FieldType>>
}

/**
 * Declares a stream, as a value that is also a type: `stream({ word: t.string, count: t.number })`.
 *
 * Declare it once, at the top of a module, and give it to every component that emits or reads it. `direct: true` makes a
 * stream on which the emitter names the receiving task. Throws BAD_STREAM for anything but an object of field types.
 */
export function stream<F extends Record<string, FieldType>>(
  fields: F,
  options?: { direct?: boolean },
): Stream<{ [K in keyof F]: StandardSchemaV1.InferOutput<F[K]> }> {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new StormError(
      'BAD_STREAM',
      `stream(…) takes an object of fields, { name: type }; it got ${describeValue(fields)}.`,
    )
  }
  const names = Object.keys(fields)
  for (const name of names) {
    if (name === '__proto__') throw new StormError('BAD_STREAM', `A field cannot be called '__proto__'.`)
    if (!isFieldType(fields[name])) {
      throw new StormError(
        'BAD_STREAM',
        `Field ${quoted(name)} has ${describeValue(fields[name])} as its type; one of t.string, t.number, … or a Standard Schema is expected.`,
      )
    }
  }
  const direct = options?.direct ?? false
  if (typeof direct !== 'boolean') {
    throw new StormError(
      'BAD_STREAM',
      `The option 'direct' of stream(…) is ${describeValue(direct)}; true or false is expected.`,
    )
  }
  const declared: TypedStream = { fields: Object.freeze(names), direct, '~types': Object.freeze({ ...fields }) }
  return Object.freeze(declared)
}

function isFieldType(type: unknown): boolean {
  if ((typeof type !== 'object' && typeof type !== 'function') || type === null) return false
  const standard = (type as Partial<FieldType>)['~standard']
  return typeof standard === 'object' && standard !== null && typeof standard.validate === 'function'
}

/** Whether `value` has a stream's shape, whoever made it: another copy of this package will do. */
export function isStream(value: unknown): value is Stream {
  if (typeof value !== 'object' || value === null) return false
  const { fields, direct } = value as Partial<Stream>
  return Array.isArray(fields) && fields.every((field) => typeof field === 'string') && typeof direct === 'boolean'
}

/** Field types of our own, each a Standard Schema that looks at one value and never changes it. */
export const t = {
  string: type<string>('a string', (value) => typeof value === 'string'),
  number: type<number>('a number', (value) => typeof value === 'number'),
  boolean: type<boolean>('a boolean', (value) => typeof value === 'boolean'),
  bigint: type<bigint>('a bigint', (value) => typeof value === 'bigint'),
  bytes: type<Uint8Array>('a Uint8Array', (value) => value instanceof Uint8Array),
  date: type<Date>('a date', (value) => Object.prototype.toString.call(value) === '[object Date]'),
  /** Any value that survives the wire, typed by the caller: `t.of<Order>()`. Nothing of it is checked. */
  of<T>(): FieldType<T> {
    return type<T>('any value', () => true)
  },
} as const

function type<T>(name: string, accepts: (value: unknown) => boolean): FieldType<T> {
  return Object.freeze({
    '~standard': Object.freeze({
      version: 1 as const,
      vendor: 'storm-ts',
      validate: (value: unknown) =>
        accepts(value)
          ? { value: value as T }
          : { issues: [{ message: `${name} is expected, got ${describeValue(value)}` }] },
    }),
  })
}

/**
 * What is wrong with `values` as values of `stream`, in one sentence; undefined if nothing is. Called per emit where the
 * option `validate` is on. Tells every missing field, every field that the stream does not have (with the nearest right
 * name), and every value that its field's type turns down. Throws ASYNC_SCHEMA for a type that answers with a promise,
 * as an emit cannot wait.
 */
export function checkValues(stream: Stream, values: unknown): string | undefined {
  if (typeof values !== 'object' || values === null)
    return `an object of values is expected, got ${describeValue(values)}`
  const types = (stream as TypedStream)['~types']
  const wrong: string[] = []
  for (const field of stream.fields) {
    if (!(field in values)) wrong.push(`the field ${quoted(field)} is missing`)
    else if (types !== undefined) {
      const issue = checkValue(field, types[field], (values as Record<string, unknown>)[field])
      if (issue !== undefined) wrong.push(`the field ${quoted(field)} does not fit: ${issue}`)
    }
  }
  for (const key of Object.keys(values)) {
    if (!stream.fields.includes(key)) {
      const near = nearest(key, stream.fields)
      wrong.push(
        `the stream has no field ${quoted(key)}${near === undefined ? '' : ` (did you mean ${quoted(near)}?)`}`,
      )
    }
  }
  return wrong.length === 0 ? undefined : wrong.join('; ')
}

function checkValue(field: string, type: FieldType | undefined, value: unknown): string | undefined {
  const result = type?.['~standard'].validate(value)
  if (result === undefined) return undefined
  if ('then' in result) {
    result.then(undefined, () => undefined)
    throw new StormError(
      'ASYNC_SCHEMA',
      `The type of the field ${quoted(field)} validates asynchronously, which an emit cannot wait for; give a synchronous schema.`,
    )
  }
  return result.issues?.map((issue) => issue.message).join(', ')
}
