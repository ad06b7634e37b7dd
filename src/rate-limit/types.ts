/**
 * What the rate limiter says of one request. `isLocal` is true where the shared limiter could not be asked in time and
 * this process's own window decided instead.
 */
export type RateLimitDecision =
  | { readonly isAllowed: true; readonly isLocal: boolean }
  | { readonly isAllowed: false; readonly retryAfterMs: number; readonly isLocal: boolean }

/** An exact sliding window: at most `max` requests of one key are allowed within any `windowMs` milliseconds. */
export interface RateLimiter {
  /**
   * Asks for one request of `key` and, where it is allowed, counts it. A refused request is not counted.
   * Answers without a promise where it can. Never rejects.
   * @param key what is limited: a `rateLimitKey()` of an IP address, unless its window takes other texts
   */
  take(key: string): RateLimitDecision | Promise<RateLimitDecision>
  /** For health reports. */
  status(): RateLimiterStatus
  /** How many requests were decided in which way, since the start. */
  decisions(): RateLimitDecisions
  dispose(): Promise<void>
}

export interface RateLimiterStatus {
  /** `down`: each process limits by its own window. */
  readonly status: 'up' | 'down'
  readonly kind: 'memory' | 'single' | 'cluster'
  /** How many requests were decided in which way, where there is more than one. */
  readonly decided?: RateLimitCounters
  readonly error?: string
}

/** By who decided. */
export interface RateLimitDecisions {
  /** The limiter that all instances share. */
  readonly redis: Readonly<RateLimitResults>
  /** This process: without Redis, and where it knows by itself that a key is over its limit. */
  readonly local: Readonly<RateLimitResults>
  /** This process, because Redis was away or too slow. */
  readonly fallback: Readonly<RateLimitResults>
}

export interface RateLimitResults {
  allowed: number
  refused: number
}

/** How many requests were decided in which way, since the start. */
export interface RateLimitCounters {
  /** By the shared limiter. */
  readonly shared: number
  /** By this process's own window, because the shared one was away or too slow. */
  readonly local: number
  /** Refused without asking, because the key was known to be over its limit. */
  readonly refusedFromMemory: number
}

export interface RateLimitPolicy {
  /** Requests allowed per window and key, at least 1. */
  readonly max: number
  /** The window's length, in milliseconds. */
  readonly windowMs: number
}

/** The allowed requests of each key within the last window. Times are milliseconds of one monotonic clock. */
export interface SlidingWindow {
  /** Counts a request now and returns 0, or returns after how many whole milliseconds it would be counted. */
  take(key: string, now: number): number
  /** What `take` would return, counting nothing. */
  waitMs(key: string, now: number): number
  /** Counts a request that was allowed elsewhere. */
  count(key: string, at: number): void
  /** Has `key` wait until that time at least, unless it already waits for a nearer one. */
  refuseUntil(key: string, until: number, now: number): void
  /** How many keys are remembered. */
  size(): number
}
