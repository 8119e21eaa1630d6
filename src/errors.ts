/**
 * Every code that an error of the project can carry, with what it means. Codes are stable: tools may match on them,
 * texts may change. A new refusal adds one entry here, and a line to docs/errors.md.
 */
export const errorCodes = {
  INVALID_TOPOLOGY: 'the topology has at least one problem; each is told',
} as const

export type ErrorCode = keyof typeof errorCodes

/** Every error that the project throws at a user. `code` is a stable word such as `UNKNOWN_STREAM`. */
export class StormError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StormError'
    this.code = code
  }
}

/** One thing that is wrong with a topology: where, what was got, what was expected, in a sentence. */
export interface Problem {
  readonly code: ErrorCode
  readonly message: string
}

/** A topology that cannot run, with all that is wrong with it. */
export class InvalidTopologyError extends StormError {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const list = problems.map((problem) => `\n  - ${problem.message} (${problem.code})`).join('')
    super('INVALID_TOPOLOGY', `The topology has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:${list}`)
    this.name = 'InvalidTopologyError'
    this.problems = problems
  }
}
