import { setFlagsFromString } from 'node:v8'

/**
 * Settings of V8 for a process that runs tasks, which make a tuple cheaper. A shell: they are the process's, to be made
 * before anything is compiled.
 *
 * - The way of a tuple from `nextTuple` to the acker is made of small functions, some 2,000 bytes of bytecode in all. By
 *   default V8 stops at 920 in each function that it compiles; the rest are calls, and which ones is a matter of luck
 *   (decision 0022).
 * - Young objects are collected by several threads by default, which wait for each other: on a machine whose cores are
 *   all at work that takes more of them, and longer, than one thread does alone (decision 0025).
 */
export function tuneV8(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000')
  setFlagsFromString('--no-parallel-scavenge')
}
