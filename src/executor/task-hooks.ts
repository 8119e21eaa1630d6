import { onRejection } from '../stdx/promise.js'
import type { TaskHook, TopologyContext } from '../topology/component.js'

/** The hooks of one task. `any` is asked before anything is gathered for them, so that without hooks they cost one load. */
export class TaskHooks {
  any = false
  readonly #hooks: TaskHook[] = []
  readonly #onThrow: (thrown: unknown, hook: string) => void

  constructor(onThrow: (thrown: unknown, hook: string) => void) {
    this.#onThrow = onThrow
  }

  /** Makes a hook, prepares it, and has it told of everything from now on; one that fails at it is left out. */
  add(make: () => TaskHook, context: TopologyContext): void {
    try {
      const hook = make()
      onRejection(hook.prepare?.(context), (thrown) => this.#onThrow(thrown, 'prepare'))
      this.#hooks.push(hook)
      this.any = true
    } catch (thrown) {
      this.#onThrow(thrown, 'prepare')
    }
  }

  readonly cleanup = this.#caller('cleanup')
  readonly emit = this.#caller('emit')
  readonly spoutAck = this.#caller('spoutAck')
  readonly spoutFail = this.#caller('spoutFail')
  readonly boltExecute = this.#caller('boltExecute')
  readonly boltAck = this.#caller('boltAck')
  readonly boltFail = this.#caller('boltFail')

  /** Calls one method of every hook that has it. A hook only watches: what it throws is reported and changes nothing. */
  #caller<K extends keyof TaskHook>(name: K): (...info: Parameters<NonNullable<TaskHook[K]>>) => void {
    return (...info) => {
      for (const hook of this.#hooks) {
        try {
          const result = (hook[name] as ((...info: unknown[]) => unknown) | undefined)?.apply(hook, info)
          if (result !== undefined) onRejection(result, (thrown) => this.#onThrow(thrown, name))
        } catch (thrown) {
          this.#onThrow(thrown, name)
        }
      }
    }
  }
}
