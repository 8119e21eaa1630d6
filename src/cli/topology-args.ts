/** The topology's own arguments: what stands after the file, without a `--` that only separates. */
export function topologyArgs(typed: readonly string[]): readonly string[] {
  return typed[0] === '--' ? typed.slice(1) : typed
}
