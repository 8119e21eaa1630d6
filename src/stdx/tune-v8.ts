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
 * - Tuples that are held become old, and V8 lets what is old grow to some four times what is in use before it collects
 *   that. It does so at 1.6 times (decision 0026).
 */
export function tuneV8(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000')
  setFlagsFromString('--no-parallel-scavenge')
  setFlagsFromString('--heap-growing-percent=60')
}

/**
 * What has to be told when the process starts: young objects have their full room from the beginning. V8 makes it larger
 * only when much of it survives, and where tuples are held that long it stops half way (decision 0026).
 */
export const v8Arguments: readonly string[] = ['--min-semi-space-size=16']
