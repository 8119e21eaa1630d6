import type { ErrorCode, Problem } from '../errors.js'

/** Takes down what is wrong with a topology, in whole sentences, in the order in which it is found. */
export class Problems {
  readonly list: Problem[] = []

  /** The first letter of `message` is made a capital, so that a label ("bolt 'count'") can stand first. */
  add(code: ErrorCode, message: string): void {
    this.list.push({ code, message: message.charAt(0).toUpperCase() + message.slice(1) })
  }
}
