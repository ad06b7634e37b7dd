/** One sale that a client has named by a key, so that it can ask for its answer again. */
export interface KeyedSale {
  /** Of the supply and the key: who asks by the same name asks for the same sale. */
  readonly name: string
  /** Everything else that is asked for. A name stands for one such request. */
  readonly request: string
  /** How long an instance has to answer before another may take its place, in milliseconds. */
  readonly leaseMs: number
}

/** Where the answers of sales with a key are kept: each for KEPT_MS. Answers are texts that begin with a `[`. */
export interface AnswerStore {
  /**
   * Claims a sale, or says what became of it. Waits, within `leaseMs` and a little, for the answer of another process that
   * has claimed it. Never rejects. A process asks for one claim of a name at a time.
   */
  claim(sale: KeyedSale): Claim | Promise<Claim>
  /**
   * Keeps the answer of a sale that was claimed. Gives the answer that all are told: the first that was kept, which is
   * another where the claim had been taken over. Never rejects: what cannot be kept now is kept when it can.
   */
  keep(sale: KeyedSale, answer: string): string | Promise<string>
  /** Gives up a claim: there is no answer, and the next who asks may try. Returns at once and never throws. */
  release(sale: KeyedSale): void
  dispose(): Promise<void>
}

export type Claim =
  /** Whoever asked sells it: then it calls `keep` or `release`. */
  | { readonly type: 'CLAIMED' }
  /** It was sold, with this answer. */
  | { readonly type: 'ANSWERED'; readonly answer: string }
  /** It is another request's. */
  | { readonly type: 'KEY_REUSED' }
  /** Whether it was sold cannot be told just now. */
  | { readonly type: 'UNAVAILABLE'; readonly retryAfterMs: number }

/** How long an answer is kept, in milliseconds. */
export const KEPT_MS = 600_000
