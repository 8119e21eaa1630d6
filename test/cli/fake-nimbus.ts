import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly token: string | undefined
  readonly body: string
}

export interface FakeAnswer {
  readonly status?: number
  readonly json?: unknown
  readonly text?: string
  /** The connection is cut instead. */
  readonly isCut?: boolean
  readonly headers?: { readonly [name: string]: string }
}

export interface FakeNimbus {
  readonly url: string
  readonly asked: Asked[]
  close(): Promise<void>
}

/** Answers by the first pattern (`GET /path`) that fits, as a nimbus would; anything else is not found. */
export async function fakeNimbus(answers: {
  readonly [pattern: string]: FakeAnswer | ((asked: Asked) => FakeAnswer)
}): Promise<FakeNimbus> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    void textOf(request).then((body) => {
      const { method = '', url: path = '', headers } = request
      const one = { method, path, token: headers.authorization?.replace('Bearer ', ''), body }
      asked.push(one)
      const found = Object.entries(answers).find(([pattern]) => `${method} ${path}`.startsWith(pattern))?.[1]
      const notFound = { status: 404, json: { code: 'NOT_FOUND', message: `There is no ${path}.` } }
      const answer: FakeAnswer = typeof found === 'function' ? found(one) : (found ?? notFound)
      if (answer.isCut === true) return void request.socket.destroy()
      response.writeHead(answer.status ?? 200, {
        'content-type': 'application/json',
        'storm-ts-protocol': '1',
        'storm-ts-version': '0.1.0',
        ...answer.headers,
      })
      response.end(answer.text ?? JSON.stringify(answer.json ?? {}))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request.setEncoding('latin1') as AsyncIterable<string>) text += piece
  return text
}
