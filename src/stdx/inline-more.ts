import { setFlagsFromString } from 'node:v8'

/**
 * Lets V8 compile more of what a hot function calls into it. A shell: it is a setting of the process, to be made before
 * anything is compiled.
 *
 * The way of a tuple from `nextTuple` to the acker is made of small functions, some 2,000 bytes of bytecode in all. By
 * default V8 stops at 920 in each function that it compiles; the rest are calls, and which ones is a matter of luck.
 */
export function inlineMore(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000')
}
