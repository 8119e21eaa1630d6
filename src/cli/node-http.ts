import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'

export interface HttpRequest {
  readonly method: 'HEAD' | 'GET' | 'POST' | 'PUT'
  readonly url: URL
  readonly headers: { readonly [name: string]: string }
  readonly body?: Uint8Array | undefined
  /** For all of it. */
  readonly limitMs: number
  /** Certificates (PEM) that the server is checked against; those of Node unless told. */
  readonly ca?: string | undefined
}

export interface HttpAnswer {
  readonly status: number
  header(name: string): string | undefined
  readonly body: Uint8Array
}

/** Answers that are longer are nobody's that we ask. */
const bodyMax = 64 * 2 ** 20

/**
 * One request and its answer, on a connection of its own. Rejects with the system's error, or with one of code ETIMEDOUT.
 * Node's own `fetch` is not used: it takes longer to load than most verbs, and cannot be told certificates.
 */
export function sendHttp({ method, url, headers, body, limitMs, ca }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions & { ca?: string } = { method, headers: { ...headers }, agent: false }
    if (ca !== undefined) options.ca = ca
    const late = AbortSignal.timeout(limitMs)
    const sent = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, { ...options, signal: late })
    sent.on('response', (response) => void bodyOf(response).then(resolve, reject))
    sent.on('error', (error) => {
      reject(
        late.aborted ? Object.assign(new Error(`no answer within ${limitMs / 1_000} s`), { code: 'ETIMEDOUT' }) : error,
      )
    })
    sent.end(body)
  })
}

async function bodyOf(response: IncomingMessage): Promise<HttpAnswer> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response as AsyncIterable<Uint8Array>) {
    size += piece.length
    if (size > bodyMax) throw new Error(`the answer is longer than ${bodyMax} bytes`)
    pieces.push(piece)
  }
  return {
    status: response.statusCode ?? 0,
    header: (name) => [response.headers[name] ?? []].flat()[0],
    body: joined(pieces, size),
  }
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
