import type { SupervisorHello } from '../cluster/messages.js'
import { describeValue } from '../stdx/describe-error.js'

/** Slots that a supervisor may have. */
const slotsMax = 1_000
/** Host names and addresses, v4 and v6: nothing that a shell or a URL would read otherwise. */
const host = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$/
const supervisorId = /^[\p{L}\p{Nd}_][\p{L}\p{M}\p{Nd}_.-]{0,127}$/u

/**
 * What is wrong with what a supervisor says of itself, in one sentence; undefined if nothing is. Ids and hosts come into
 * logs, addresses and names of files, never into a command line.
 */
export function checkRegistration({ supervisor, host: address, slots }: SupervisorHello): string | undefined {
  if (!supervisorId.test(supervisor))
    return `The supervisor's id is ${describeValue(supervisor)}; 1 to 128 letters, digits, '.', '-' and '_' are expected, not beginning with '.' or '-'.`
  if (!host.test(address))
    return `The host of supervisor '${supervisor}' is ${describeValue(address)}; a host name or an address is expected.`
  if (slots.length < 1 || slots.length > slotsMax)
    return `Supervisor '${supervisor}' has ${slots.length} slots; 1 to ${slotsMax} are expected.`
  const bad = slots.find((port) => port < 1_024 || port > 65_535)
  if (bad !== undefined) return `A slot of supervisor '${supervisor}' has port ${bad}; 1024 to 65535 are expected.`
  const twice = slots.find((port, index) => slots.indexOf(port) !== index)
  if (twice !== undefined) return `Supervisor '${supervisor}' has two slots on port ${twice}.`
  return undefined
}
