import { LinkEnd, type Dial } from '../wire/carrier.js'
import type { LinkTools } from '../wire/connection.js'
import { dialControl, type ControlLink } from '../wire/control.js'
import type { LinkIdentity, Secrets } from '../wire/handshake.js'
import type { Text } from '../wire/text.js'
import type { DialNimbus } from './nimbus-link.js'

export interface NimbusDialOptions {
  readonly tools: LinkTools
  readonly text: Text
  readonly secrets: Secrets
  /** Carries the connection to nimbus. */
  readonly dial: Dial
  /** The token of supervisors: the two make sure of each other by it, and it is never sent. */
  readonly token: string
  readonly supervisor: string
  readonly incarnation: number
}

/** Calls nimbus over a control link. Whoever answers has to be a nimbus that knows the token. */
export function controlDialer(options: NimbusDialOptions): DialNimbus {
  const { token, supervisor, incarnation, ...parts } = options
  const identity: LinkIdentity = {
    role: 'supervisor',
    topology: '',
    topologyNumber: 0,
    supervisor,
    port: 0,
    since: 0,
    incarnation,
  }
  const key = new TextEncoder().encode(token)
  const judge = ({ role }: LinkIdentity) => (role === 'nimbus' ? 'accept' : 'forbidden')
  return (events) => {
    let link: ControlLink | undefined
    const end = dialControl(
      { ...parts, key, identity, judge },
      {
        opened(opened) {
          link = opened
          events.opened()
        },
        received: (message) => events.received(message),
        closed: (code, reason) => events.closed(`${reason} (${code})`),
      },
    )
    return {
      send: (message) => link?.send(message),
      close: (reason) => end(LinkEnd.leaving, reason),
    }
  }
}
