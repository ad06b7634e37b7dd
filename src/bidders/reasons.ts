/** What became of a bid or of a bidder, beside its outcome. */
export interface Reason {
  /** How the auction log stores it: never changed, never used again. */
  readonly code: number
  /** What OpenRTB 2.6 calls it in a loss notice (list "Loss Reason Codes"); undefined where no bid was lost. */
  readonly lossCode?: number
}

/**
 * Why a bid was not taken (LOST), why an answer was none (ERROR), and why a bidder was not asked (SKIPPED). One that is
 * added takes a new code.
 */
export const REASONS = {
  // LOST
  OUTBID: { code: 1, lossCode: 102 },
  BELOW_FLOOR: { code: 2, lossCode: 100 },

  // ERROR: no answer that could be read
  DNS_FAILED: { code: 10 },
  CONNECTION_FAILED: { code: 11 },
  TLS_FAILED: { code: 12 },
  HTTP_STATUS: { code: 13 },
  TOO_LARGE: { code: 14 },
  INVALID_ENCODING: { code: 15 },
  INVALID_JSON: { code: 16 },
  // ERROR: an answer that is wrong
  INVALID_RESPONSE: { code: 20, lossCode: 3 },
  WRONG_AUCTION_ID: { code: 21, lossCode: 5 },
  WRONG_IMPRESSION_ID: { code: 22, lossCode: 3 },
  INVALID_PRICE: { code: 23, lossCode: 9 },
  UNSUPPORTED_CURRENCY: { code: 24, lossCode: 3 },
  MISSING_MARKUP: { code: 25, lossCode: 7 },
  ADVERTISER_BLOCKED: { code: 26, lossCode: 205 },
  CATEGORY_BLOCKED: { code: 27, lossCode: 209 },
  SIZE_NOT_ALLOWED: { code: 28, lossCode: 203 },
  MEDIA_TYPE_NOT_ALLOWED: { code: 29, lossCode: 204 },

  // SKIPPED
  CIRCUIT_OPEN: { code: 40 },
  QPS_EXCEEDED: { code: 41 },
  IN_FLIGHT_EXCEEDED: { code: 42 },
  /** The network to it takes what is left of tmax. */
  NO_TIME_LEFT: { code: 43 },
  /** An environment variable that one of its headers names is not set. */
  NOT_CONFIGURED: { code: 44 },
} as const satisfies Readonly<Record<string, Reason>>

export type ReasonName = keyof typeof REASONS

/** The reason of a code in the auction log; undefined where it is of none. */
export function reasonOfCode(code: number): ReasonName | undefined {
  return NAMES.get(code)
}

const NAMES: ReadonlyMap<number, ReasonName> = new Map(
  Object.entries(REASONS).map(([name, { code }]) => [code, name as ReasonName]),
)
