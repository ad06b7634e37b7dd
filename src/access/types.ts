import type { RateLimitDecision, RateLimitPolicy } from '../rate-limit/types.ts'

export const ROLES = ['publisher', 'analyst', 'admin'] as const
/** What a key is for: a publisher sells, an analyst reads, an admin may do all. */
export type Role = (typeof ROLES)[number]

/** A key as its file has it. The token itself is with its owner alone. */
export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly role: Role
  /** The SHA-256 of its token, in hexadecimal. */
  readonly hash: string
  /** The supplies that it is for; undefined: all. */
  readonly supplies?: readonly string[]
  /** How much it may ask for, over all instances; undefined: no limit of its own. */
  readonly rate?: RateLimitPolicy
  /** Instants of RFC 3339. */
  readonly createdAt: string
  readonly expiresAt?: string
}

/** Whoever brought a key that holds. */
export interface Caller {
  readonly keyId: string
  readonly role: Role
  /** The supplies that it may sell and read about; undefined: all. */
  readonly supplies: ReadonlySet<string> | undefined
  /** Whether the key was revoked or changed, or has expired: from then on it is nobody's. */
  readonly isRevoked: boolean
  /** Calls `listener` when that happens. Returns the function that forgets it. */
  onRevoked(listener: () => void): () => void
  /** Undefined where the key has no limit of its own. */
  readonly rate: CallerRate | undefined
}

/** How much a key may ask for, over all instances. */
export interface CallerRate {
  readonly policy: RateLimitPolicy
  /** Asks for one thing and, where it is allowed, counts it. */
  take(): RateLimitDecision | Promise<RateLimitDecision>
}

/** Something about keys that a person can put right; the message says how. */
export class AccessError extends Error {
  override readonly name = 'AccessError'
  readonly code = 'ACCESS_INVALID'
}
