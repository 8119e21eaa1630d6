/**
 * Who may do what. A user has one of the first four roles, each of which may all that the one before it may; daemons have
 * the last two, which may nothing but what is said to be for them.
 */
export const roles = ['viewer', 'operator', 'submitter', 'admin', 'supervisor', 'worker'] as const
export type Role = (typeof roles)[number]
export type UserRole = Extract<Role, 'viewer' | 'operator' | 'submitter' | 'admin'>

/** What a route asks for. */
export interface Needs {
  /** The least role of a user; 'nobody in particular' needs no token. */
  readonly role: UserRole | 'nobody in particular'
  /** Daemons that may, too. */
  readonly daemons?: readonly ('supervisor' | 'worker')[]
}

const userRoles: readonly Role[] = ['viewer', 'operator', 'submitter', 'admin']

/** `role`: undefined where nobody in particular asks. */
export function isAllowed(role: Role | undefined, needs: Needs): boolean {
  if (needs.role === 'nobody in particular') return true
  if (role === undefined) return false
  if (role === 'supervisor' || role === 'worker') return needs.daemons?.includes(role) === true
  return userRoles.indexOf(role) >= userRoles.indexOf(needs.role)
}

/** Who a token is of. */
export interface Identity {
  /** For the log: never the token. */
  readonly name: string
  readonly role: Role
}
