import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Asked {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Record<string, unknown>
}

/** Where the nimbus of a data folder listens. */
export function urlIn(dataDir: string): string {
  return readFileSync(join(dataDir, 'address'), 'utf8').trim()
}

/** Asks the nimbus of a data folder, with the token in there unless another one is given. */
export async function ask(
  dataDir: string,
  path: string,
  { token, ...init }: RequestInit & { readonly token?: string } = {},
): Promise<Asked> {
  const authorization = `Bearer ${token ?? readFileSync(join(dataDir, 'token'), 'utf8').trim()}`
  const response = await fetch(urlIn(dataDir) + path, {
    ...init,
    headers: { authorization, ...(init.headers as Record<string, string> | undefined) },
    signal: AbortSignal.timeout(120_000),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type') === 'application/json'
  const json = isJson && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: response.status, headers: response.headers, text, json }
}

/** The same, with a body of JSON. */
export function post(dataDir: string, path: string, body: object): Promise<Asked> {
  const headers = { 'content-type': 'application/json' }
  return ask(dataDir, path, { method: 'POST', body: JSON.stringify(body), headers })
}

/** What a topology has done so far, and by which processes. */
export async function progressOf(dataDir: string, name: string) {
  const { json } = await ask(dataDir, `/api/v1/topology/${name}`)
  const { spouts = [] } = json as { spouts?: readonly { acked: number; failed: number }[] }
  const { workers = [] } = (await ask(dataDir, `/api/v2/topologies/${name}`)).json as {
    workers?: readonly { pid?: number }[]
  }
  return {
    acked: spouts.reduce((sum, { acked }) => sum + acked, 0),
    failed: spouts.reduce((sum, { failed }) => sum + failed, 0),
    pids: workers.map(({ pid = 0 }) => pid).sort((a, b) => a - b),
  }
}
