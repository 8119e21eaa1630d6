/** What a nimbus refused. Its code may be one that this version does not know. */
export class RemoteError extends Error {
  readonly code: string
  /** Of the HTTP answer. */
  readonly status: number

  constructor(code: string, message: string, status: number) {
    super(message)
    this.name = 'RemoteError'
    this.code = code
    this.status = status
  }
}
