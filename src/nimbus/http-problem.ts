import { InvalidTopologyError, StormError, type ErrorCode, type Problem } from '../errors.js'
import { describeError } from '../stdx/describe-error.js'

/** Why a request is refused: its status, and what the answer says. Thrown by routes, made into an answer in one place. */
export class HttpProblem extends Error {
  readonly status: number
  /** One of ours, or what a supervisor answered. */
  readonly code: string
  readonly problems: readonly Problem[] | undefined
  readonly retryAfterSecs: number | undefined

  constructor(
    status: number,
    code: string,
    message: string,
    more: { readonly problems?: readonly Problem[] | undefined; readonly retryAfterSecs?: number } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.problems = more.problems
    this.retryAfterSecs = more.retryAfterSecs
  }
}

/** What is not here is the topology's fault: 422. */
const statusByCode: { readonly [code in ErrorCode]?: number } = {
  NOT_FOUND: 404,
  ALREADY_RUNNING: 409,
  WRONG_STATUS: 409,
  INVALID_ID: 400,
  INVALID_REQUEST: 400,
  INVALID_DURATION: 400,
  BUSY: 429,
  TOO_MANY: 429,
  UNREACHABLE: 504,
  TOO_LARGE: 413,
  UNAUTHENTICATED: 401,
  TOKEN_EXPIRED: 401,
  FORBIDDEN: 403,
  HOST_NOT_ALLOWED: 421,
  UNSUPPORTED_TYPE: 415,
  INTERNAL: 500,
  STORE_FULL: 507,
  STORE_IO: 500,
  STORE_CORRUPT: 500,
  STORE_FENCED: 503,
  STORE_CONFLICT: 503,
}

/** The refusal that a code stands for. */
export function problemOf(code: ErrorCode, message: string, problems?: readonly Problem[]): HttpProblem {
  const status = statusByCode[code] ?? 422
  return new HttpProblem(status, code, message, { problems, ...(status === 429 ? { retryAfterSecs: 1 } : {}) })
}

/** Whatever was thrown while a request was served, as a refusal; of our own bugs, nothing is told but that it is one. */
export function problemIn(thrown: unknown): HttpProblem {
  if (thrown instanceof HttpProblem) return thrown
  if (thrown instanceof InvalidTopologyError) return problemOf(thrown.code, thrown.message, thrown.problems)
  if (thrown instanceof StormError) return problemOf(thrown.code, thrown.message)
  return problemOf('INTERNAL', `A bug of ours: ${describeError(thrown).message.slice(0, 200)}`)
}
