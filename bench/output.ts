/** Where lines go: results to `out`, everything else to `note`. */
export interface Output {
  out(line: string): void
  note(line: string): void
}
