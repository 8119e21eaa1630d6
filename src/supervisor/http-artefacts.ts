import { get as getPlain, type IncomingMessage } from 'node:http'
import { get as getSecure } from 'node:https'
import type { FetchArtefact } from './artefact-cache.js'

export interface NimbusAccess {
  /** `http://host:port`, or https. */
  readonly url: string
  readonly token: string
  /** Certificates (PEM) that nimbus is checked against. */
  readonly ca?: string | undefined
}

/** Nothing came for so long. */
const silenceMs = 10_000

/** Artefacts from nimbus' API. A shell. Redirects are not followed: what nimbus has, it has itself. */
export function httpArtefacts({ url, token, ca }: NimbusAccess): FetchArtefact {
  return (hash) =>
    new Promise((resolve, reject) => {
      const options = {
        headers: { authorization: `Bearer ${token}`, accept: 'application/octet-stream' },
        timeout: silenceMs,
        agent: false as const,
        ...(ca === undefined ? {} : { ca }),
      }
      const get = url.startsWith('https:') ? getSecure : getPlain
      const request = get(`${url}/api/v2/artefacts/${hash}`, options, (response) => {
        if (response.statusCode === 200) return resolve(response satisfies IncomingMessage)
        response.resume()
        reject(new Error(`nimbus at ${url} answered ${response.statusCode}`))
      })
      request.on('timeout', () => request.destroy(new Error(`nimbus at ${url} was silent for ${silenceMs} ms`)))
      request.on('error', reject)
    })
}
