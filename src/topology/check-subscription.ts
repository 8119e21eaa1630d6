import { describeError, describeValue } from '../stdx/describe-error.js'
import { listed, quoted } from '../stdx/listed.js'
import { didYouMean } from '../stdx/nearest.js'
import type { CheckedComponent } from './check-component.js'
import type { CustomGrouping } from './component.js'
import { Handle, type Declaration, type SubscriptionRequest } from './handle.js'
import type { Problems } from './problems.js'
import type { Stream } from './stream.js'
import type { Grouping, Subscription } from './topology.js'

/** All components of a topology: by id, of two with one id the first, and by what a handle stands for. */
export interface Known {
  readonly byId: ReadonlyMap<string, CheckedComponent>
  readonly byDeclaration: ReadonlyMap<Declaration, CheckedComponent>
}

/** The subscriptions of one component as far as they are sound. */
export function checkSubscriptions(
  reader: CheckedComponent,
  known: Known,
  problems: Problems,
  warnings: Problems,
): Subscription[] {
  const { kind, subscriptions: requests } = reader.declaration
  if (kind === 'spout' && requests.length > 0) {
    problems.add('SPOUT_WITH_INPUT', `${reader.label} subscribes to a stream; only bolts read.`)
    return []
  }
  const subscriptions: Subscription[] = []
  for (const request of requests) {
    const subscription = checkSubscription(reader, request, known, problems, warnings)
    if (subscription === undefined) continue
    const { component, stream } = subscription
    if (subscriptions.some((earlier) => earlier.component === component && earlier.stream === stream)) {
      problems.add(
        'DUPLICATE_SUBSCRIPTION',
        `${reader.label} subscribes twice to stream ${quoted(stream)} of ${describeId(component)}; each tuple would come twice.`,
      )
    } else subscriptions.push(subscription)
  }
  return subscriptions
}

function checkSubscription(
  reader: CheckedComponent,
  request: SubscriptionRequest,
  known: Known,
  problems: Problems,
  warnings: Problems,
): Subscription | undefined {
  const source = findSource(reader, request.source, known, problems)
  if (source === undefined) return undefined
  const streamId = request.stream ?? 'default'
  if (typeof streamId !== 'string') {
    problems.add(
      'UNKNOWN_STREAM',
      `${reader.label} reads the stream ${describeValue(streamId)} of ${source.label}; the id of a stream is a string.`,
    )
    return undefined
  }
  const where = `stream ${quoted(streamId)} of ${source.label}`
  const stream = findStream(reader, streamId, source, problems)
  const grouping = checkGrouping(reader, request, where, stream, problems)
  if (stream !== undefined) checkFit(reader, where, stream, warnings)
  return grouping && { component: source.declaration.id as string, stream: streamId, grouping }
}

/** The component that a handle or an id stands for. */
function findSource(
  reader: CheckedComponent,
  source: unknown,
  known: Known,
  problems: Problems,
): CheckedComponent | undefined {
  const declaration = Handle.declarationOf(source)
  if (declaration !== undefined) {
    const component = known.byDeclaration.get(declaration)
    if (component === undefined) {
      problems.add(
        'UNKNOWN_COMPONENT',
        `${reader.label} reads from ${describeId(declaration.id)}, whose handle comes from another builder.`,
      )
    }
    return component
  }
  const id = typeof source === 'object' && source !== null ? idOf(source) : source
  if (typeof id !== 'string') {
    problems.add(
      'UNKNOWN_COMPONENT',
      `${reader.label} reads from ${describeValue(source)}; the handle or the id of a component is expected.`,
    )
    return undefined
  }
  const component = known.byId.get(id)
  if (component === undefined) {
    const ids = [...known.byId.keys()]
    problems.add(
      'UNKNOWN_COMPONENT',
      `${reader.label} reads from ${quoted(id)}, but there is no such component.${didYouMean(id, ids)} There are: ${listed(ids)}.`,
    )
  }
  return component
}

const describeId = (id: unknown) => (typeof id === 'string' ? quoted(id) : describeValue(id))

function idOf(source: object): unknown {
  try {
    return (source as { id?: unknown }).id
  } catch {
    // An untyped caller's getter threw: that is no component of ours.
    return undefined
  }
}

function findStream(
  reader: CheckedComponent,
  id: string,
  source: CheckedComponent,
  problems: Problems,
): Stream | undefined {
  if (source.outputs === undefined) return undefined
  const stream = source.outputs.get(id)
  if (stream === undefined) {
    const ids = [...source.outputs.keys()]
    const hint = id === '__tick' ? ' Ticks are asked for with .tick(everyMs).' : didYouMean(id, ids)
    problems.add(
      'UNKNOWN_STREAM',
      `${reader.label} reads stream ${quoted(id)} of ${source.label}, which does not declare it.${hint} It declares: ${listed(ids)}.`,
    )
  }
  return stream
}

/** `stream`: undefined where it is not known, and then only the grouping itself is looked at. */
function checkGrouping(
  reader: CheckedComponent,
  { kind, argument }: SubscriptionRequest,
  where: string,
  stream: Stream | undefined,
  problems: Problems,
): Grouping | undefined {
  if (stream !== undefined && stream.direct !== (kind === 'direct')) {
    problems.add(
      'DIRECT_MISMATCH',
      stream.direct
        ? `${reader.label} reads ${where} by ${kind} grouping, but that stream is direct: only directGrouping gets its tuples.`
        : `${reader.label} reads ${where} by direct grouping, but that stream is not declared with { direct: true }.`,
    )
  }
  switch (kind) {
    case 'fields':
    case 'partialKey':
      return checkGroupingFields(reader, kind, argument, where, stream, problems)
    case 'custom':
      return checkCustom(reader, argument, where, problems)
    default:
      return { kind }
  }
}

function checkGroupingFields(
  reader: CheckedComponent,
  kind: 'fields' | 'partialKey',
  fields: unknown,
  where: string,
  stream: Stream | undefined,
  problems: Problems,
): Grouping | undefined {
  if (!Array.isArray(fields) || fields.length === 0) {
    problems.add(
      'NO_GROUPING_FIELDS',
      `${reader.label} groups ${where} by ${Array.isArray(fields) ? 'no field' : describeValue(fields)}; a list of at least one field is expected.`,
    )
    return undefined
  }
  const seen = new Set<unknown>()
  for (const field of fields as unknown[]) {
    if (seen.has(field)) {
      problems.add('DUPLICATE_FIELD', `${reader.label} groups ${where} twice by ${describeId(field)}.`)
    } else if (typeof field !== 'string') {
      problems.add('UNKNOWN_FIELD', `${reader.label} groups ${where} by ${describeValue(field)}; a field is a string.`)
    } else if (stream !== undefined && !stream.fields.includes(field)) {
      problems.add(
        'UNKNOWN_FIELD',
        `${reader.label} groups ${where} by ${quoted(field)}, a field that it does not have.${didYouMean(field, stream.fields)} It has: ${listed(stream.fields)}.`,
      )
    }
    seen.add(field)
  }
  return { kind, fields: Object.freeze([...(fields as string[])]) }
}

/** Makes one grouping, to see that it is one. */
function checkCustom(
  reader: CheckedComponent,
  create: unknown,
  where: string,
  problems: Problems,
): Grouping | undefined {
  const refuse = (got: string) =>
    problems.add(
      'BAD_GROUPING',
      `${reader.label} reads ${where} by a custom grouping that ${got}; a function that makes an object with chooseTasks is expected.`,
    )
  if (typeof create !== 'function') {
    refuse(`is ${describeValue(create)}`)
    return undefined
  }
  try {
    const made: unknown = create()
    const choose = typeof made === 'object' && made !== null ? (made as Partial<CustomGrouping>).chooseTasks : undefined
    if (typeof choose === 'function') return { kind: 'custom', create: create as () => CustomGrouping }
    refuse(`made ${describeValue(made)}`)
  } catch (error) {
    refuse(`threw when it was made (${describeError(error).message})`)
  }
  return undefined
}

/** What the compiler says of a handle, of an id too: the stream has the fields that the bolt's declared input has. */
function checkFit(reader: CheckedComponent, where: string, stream: Stream, warnings: Problems): void {
  if (reader.inputs.length === 0) return
  const lacking = reader.inputs.map((input) => input.fields.filter((field) => !stream.fields.includes(field)))
  if (lacking.some((fields) => fields.length === 0)) return
  const fewest = lacking.reduce((a, b) => (b.length < a.length ? b : a))
  warnings.add('STREAM_MISFIT', `${reader.label} reads ${where}, which lacks ${listed(fewest)} of the bolt's input.`)
}
