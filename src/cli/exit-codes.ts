/** What the shell is told, by what went wrong. The table is in docs/cli.md. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  notAllowed: 4,
  unreachable: 5,
  conflict: 6,
  timedOut: 7,
  bug: 70,
  configuration: 78,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Codes that end with another exit code than 1; of a nimbus, also codes that this version does not know. */
const exitCodeByCode = new Map<string, ExitCode>([
  ...codes(
    2,
    'BAD_USAGE',
    'FILE_NOT_FOUND',
    'INVALID_DURATION',
    'NOT_A_MODULE',
    'NOT_A_REGULAR_FILE',
    'PERMISSION',
    'READ_FAILED',
    'UNKNOWN_COMMAND',
    'UNKNOWN_OPTION',
  ),
  ...codes(
    3,
    'ARTEFACT_MISMATCH',
    'BAD_NAME',
    'BUNDLE_FAILED',
    'ENGINE_MISMATCH',
    'INVALID_CONFIG',
    'INVALID_PARALLELISM',
    'INVALID_TOPOLOGY',
    'NATIVE_MODULE',
    'NO_EXPORT',
    'NOT_A_TOPOLOGY',
    'NOT_AN_ARTEFACT',
    'TOPOLOGY_EXITED',
    'TOPOLOGY_FAILED',
    'TOPOLOGY_TIMEOUT',
    'UNKNOWN_COMPONENT',
    'UNKNOWN_STREAM',
  ),
  ...codes(4, 'FORBIDDEN', 'TOKEN_EXPIRED', 'UNAUTHENTICATED'),
  ...codes(5, 'NOT_A_NIMBUS', 'PROTOCOL_MISMATCH', 'UNREACHABLE'),
  ...codes(6, 'ALREADY_RUNNING', 'WRONG_STATUS'),
  ...codes(7, 'TIMED_OUT'),
  ...codes(
    78,
    'FOLDER_LOCKED',
    'FOLDER_UNUSABLE',
    'INSECURE_BIND',
    'INSECURE_FILE',
    'INVALID_SETTING',
    'PORT_IN_USE',
    'STORE_CORRUPT',
    'STORE_LOCKED',
  ),
])

function codes(exitCode: ExitCode, ...words: readonly string[]): [string, ExitCode][] {
  return words.map((word) => [word, exitCode])
}

/** The exit code for an error's code; of one that came over HTTP, whose code may be new to us, also for its status. */
export function exitCodeOf(code: string, status?: number): ExitCode {
  const known = exitCodeByCode.get(code)
  if (known !== undefined) return known
  switch (status) {
    case 400:
    case 413:
    case 422:
      return 3
    case 401:
    case 403:
      return 4
    case 409:
      return 6
    case 408:
    case 504:
      return 7
    default:
      return 1
  }
}
