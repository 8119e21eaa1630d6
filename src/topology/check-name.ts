import type { Problem } from '../errors.js'
import { describeValue } from '../stdx/describe-error.js'

/** Letters with the marks that some scripts set on them, and digits, of any script. */
const allowed = /^[\p{L}\p{Nd}_][\p{L}\p{M}\p{Nd}_ -]*$/u
const lengthMax = 128

/** What is wrong with the name of a topology, given by its builder or at its submission; undefined if nothing is. */
export function checkName(name: unknown): Problem | undefined {
  if (typeof name === 'string' && allowed.test(name) && !name.endsWith(' ') && [...name].length <= lengthMax) {
    return undefined
  }
  return {
    code: 'BAD_NAME',
    message: `The topology's name is ${describeValue(name)}; 1 to ${lengthMax} letters, digits, '-', '_' and inner spaces are expected, the first of them not '-'.`,
  }
}
