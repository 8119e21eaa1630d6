import { InvalidTopologyError } from '../errors.js'
import { quoted } from '../stdx/listed.js'
import { checkComponent, type CheckedComponent } from './check-component.js'
import { checkName } from './check-name.js'
import { checkSubscriptions } from './check-subscription.js'
import type { Declaration } from './handle.js'
import { checkOptions, mergeOptions, resolveOptions, type TopologyOptions } from './options.js'
import { Problems } from './problems.js'
import { taskCountOf } from './tasks.js'
import type { ComponentSpec, TopologySpec } from './topology.js'
import { warn } from './warn.js'

/** Tasks of all components together. */
const totalTaskLimit = 100_000

/**
 * From declarations, as anybody may have made them, to the spec of a topology that can run, with warnings of what is
 * allowed but seldom meant. Throws InvalidTopologyError with every problem there is, and nothing else, whatever was
 * declared.
 */
export function validate(name: string, declarations: readonly Declaration[], options: unknown): TopologySpec {
  const problems = new Problems()
  const warnings = new Problems()
  const badName = checkName(name)
  if (badName !== undefined) problems.list.push(badName)
  problems.list.push(...checkOptions(options, 'of the topology'))
  if (declarations.length === 0) {
    problems.add('NO_COMPONENT', 'the topology has no component; setSpout and setBolt add them.')
  } else if (!declarations.some(({ kind }) => kind === 'spout')) {
    problems.add('NO_SPOUT', 'the topology has no spout, so nothing would ever flow; setSpout adds one.')
  }

  const all = declarations.map((declaration) => checkComponent(declaration, problems))
  const byDeclaration = new Map(all.map((component) => [component.declaration, component]))
  const known = { byDeclaration, byId: firstById(all, problems) }
  const read = all.map((component) => checkSubscriptions(component, known, problems, warnings))
  if (problems.list.length > 0) throw new InvalidTopologyError(problems.list)

  // Whatever was of an unknown type above is known to be right from here on.
  const specs = all.map(({ declaration, outputs, options: own }, index): ComponentSpec => {
    const { id, kind, create, parallelism, tasks } = declaration as Declaration & Pick<ComponentSpec, 'id' | 'create'>
    const subscriptions = read[index] as ComponentSpec['subscriptions']
    return Object.freeze({
      id,
      kind,
      create,
      parallelism: parallelism as number,
      taskCount: tasks as number | undefined,
      outputs: outputs as ComponentSpec['outputs'],
      subscriptions,
      options: own,
    })
  })
  const spec: TopologySpec = {
    name,
    components: new Map(specs.map((component) => [component.id, component])),
    options: mergeOptions([options as Partial<TopologyOptions> | undefined]),
    warnings: warnings.list,
  }
  refuseTooManyTasks(spec)
  warn(spec, warnings)
  return Object.freeze(spec)
}

/** Components by id; a second one with the same id is a problem, and is not there. */
function firstById(all: readonly CheckedComponent[], problems: Problems): ReadonlyMap<string, CheckedComponent> {
  const byId = new Map<string, CheckedComponent>()
  for (const component of all) {
    const { id } = component.declaration
    const earlier = typeof id === 'string' ? byId.get(id) : undefined
    if (earlier !== undefined) {
      problems.add('DUPLICATE_ID', `two components have the id ${quoted(id as string)}, ${kinds(earlier, component)}.`)
    } else if (typeof id === 'string') byId.set(id, component)
  }
  return byId
}

function kinds(a: CheckedComponent, b: CheckedComponent): string {
  return a.declaration.kind === b.declaration.kind ? `both ${a.declaration.kind}s` : 'a spout and a bolt'
}

function refuseTooManyTasks(spec: TopologySpec): void {
  const options = resolveOptions(spec.options)
  const total = [...spec.components.values()].reduce((sum, component) => sum + taskCountOf(component, options), 0)
  if (total <= totalTaskLimit) return
  const message = `The components have ${total} tasks together; a topology has at most ${totalTaskLimit}.`
  throw new InvalidTopologyError([{ code: 'INVALID_PARALLELISM', message }])
}
