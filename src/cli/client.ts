import { protocolVersion } from '../cluster/messages.js'
import { InvalidTopologyError, StormError, type Problem } from '../errors.js'
import { describeError } from '../stdx/describe-error.js'
import { quoted } from '../stdx/listed.js'
import { sendHttp, type HttpAnswer } from './node-http.js'
import { RemoteError } from './remote-error.js'

export interface ClientParts {
  readonly url: string
  /** Undefined: none was found. */
  readonly token: string | undefined
  /** Where the token was looked for. */
  readonly tokenFile: string
  readonly ca: string | undefined
  /** Of this package. */
  readonly version: string
}

const limitMsDefault = 30_000
const uploadMs = 120_000

/**
 * Asks nimbus. Throws UNREACHABLE when nobody answers, NOT_A_NIMBUS when somebody else does, PROTOCOL_MISMATCH for a nimbus
 * of another protocol, and RemoteError with the code of whatever nimbus refused.
 */
export class NimbusClient {
  readonly #parts: ClientParts

  constructor(parts: ClientParts) {
    this.#parts = parts
  }

  get url(): string {
    return this.#parts.url
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#ask('GET', path)).json() as T
  }

  /** Bytes, and what the headers tell of them. */
  async getBytes(path: string): Promise<HttpAnswer> {
    return (await this.#ask('GET', path)).answer
  }

  async post<T>(path: string, body: object = {}, limitMs = limitMsDefault): Promise<T> {
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    return (await this.#ask('POST', path, { type: 'application/json', bytes }, limitMs)).json() as T
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    await this.#ask('PUT', path, { type: 'application/octet-stream', bytes }, uploadMs)
  }

  /** Whether there is something by that path. Refused is no: the answer has no words, and that to the `put` that follows has. */
  async has(path: string): Promise<boolean> {
    try {
      await this.#ask('HEAD', path)
      return true
    } catch (error) {
      if (error instanceof RemoteError) return false
      throw error
    }
  }

  async #ask(
    method: 'HEAD' | 'GET' | 'POST' | 'PUT',
    path: string,
    body?: { readonly type: string; readonly bytes: Uint8Array },
    limitMs = limitMsDefault,
  ): Promise<{ readonly answer: HttpAnswer; json(): unknown }> {
    const { url, token, ca, version } = this.#parts
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': `storm-ts/${version}`,
      'storm-ts-protocol': String(protocolVersion),
    }
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    if (body !== undefined) {
      headers['content-type'] = body.type
      headers['content-length'] = String(body.bytes.length)
    }
    const request = { method, url: new URL(path, url), headers, body: body?.bytes, limitMs, ca }
    const answer = await sendHttp(request).catch((error: unknown) => {
      throw this.#unreachable(error)
    })
    this.#checkProtocol(answer)
    if (answer.status >= 300) throw this.#refused(answer)
    return { answer, json: () => jsonIn(answer) ?? this.#notNimbus(answer) }
  }

  #checkProtocol(answer: HttpAnswer): void {
    const theirs = answer.header('storm-ts-protocol')
    if (theirs === String(protocolVersion)) return
    // Every answer of a nimbus names it.
    if (theirs === undefined) this.#notNimbus(answer)
    const { url, version } = this.#parts
    throw new StormError(
      'PROTOCOL_MISMATCH',
      `The nimbus at ${url} is storm-ts ${answer.header('storm-ts-version') ?? 'of another version'} and speaks protocol ${theirs}; this is storm-ts ${version} and speaks protocol ${protocolVersion}. Use the same version.`,
    )
  }

  #notNimbus({ status }: HttpAnswer): never {
    throw new StormError('NOT_A_NIMBUS', `What answers at ${this.#parts.url} is no nimbus (status ${status}).`)
  }

  #refused(answer: HttpAnswer): Error {
    const { status } = answer
    const value = jsonIn(answer) ?? {}
    const { code, message, error, errorMessage, problems } = value as Record<string, unknown>
    if (code === 'INVALID_TOPOLOGY' && Array.isArray(problems)) return new InvalidTopologyError(problems as Problem[])
    const word = [code, error].find(isText) ?? `HTTP_${status}`
    const told = [message, errorMessage].find(isText) ?? `Nimbus answered ${status}.`
    if (status !== 401) return new RemoteError(word, told, status)
    const { token, tokenFile } = this.#parts
    const which = token === undefined ? `there is no token in ${quoted(tokenFile)}` : `that of ${quoted(tokenFile)}`
    return new RemoteError(word, `Nimbus at ${this.#parts.url} does not take the token (${which}): ${told}`, status)
  }

  #unreachable(error: unknown): StormError {
    const { url } = this.#parts
    const { code } = (error ?? {}) as { code?: unknown }
    const why =
      typeof code === 'string' ? (reasons[code] ?? describeError(error).message) : describeError(error).message
    return new StormError('UNREACHABLE', `There is no nimbus at ${url}: ${why}.`, { cause: error })
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'

const untrusted = "its certificate is not trusted; '--tls-ca' names those that it is checked against"

const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'the host cannot be reached',
  ENOTFOUND: 'there is no such host',
  ETIMEDOUT: 'no answer came in time',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
}

/** Undefined: it is none. */
function jsonIn({ body }: HttpAnswer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown
  } catch {
    // Whoever asked tells.
    return undefined
  }
}
