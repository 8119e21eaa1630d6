/** Addresses that only processes of the same machine reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/** Any of the machine's addresses. */
export function isAnyAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === ''
}

/**
 * Whether a request's `Host` is one that nimbus is known by. A page of another site cannot reach nimbus by a name that it
 * lets point here, as that name is in `Host`. Names are compared as they are typed, without their port and in lower case.
 */
export class HostNames {
  readonly #names: ReadonlySet<string>

  constructor(bind: string, more: readonly string[]) {
    const loopback = ['localhost', '127.0.0.1', '::1']
    this.#names = new Set([...loopback, bind, ...more].map((name) => name.toLowerCase()))
  }

  has(header: string | undefined): boolean {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:@/\s]+))(?::\d{1,5})?$/.exec(header ?? '')
    const name = match?.[1] ?? match?.[2]
    return name !== undefined && this.#names.has(name.toLowerCase())
  }
}
