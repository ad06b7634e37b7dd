import type { RunAuctionInput } from './requests.ts'

/** How the service answered one request. */
export interface Answer {
  /** Why there is no result: a GraphQL error's code, `HTTP 502`, or a socket's error; undefined where there is one. */
  readonly errorCode?: string
  /** Whether the connection failed, so that trying again at once would be no use. */
  readonly isDisconnected?: boolean
  /** The result's type, such as `Auction`. */
  readonly resultType?: string
  /** What each bidder answered. */
  readonly responses?: readonly AnsweredResponse[]
  /** How long the bidders took, in milliseconds: the slowest in time, or tmax where any timed out. */
  readonly biddersMs?: number
}

/** A bidder's response, as the service answers it. */
export interface AnsweredResponse {
  readonly bidderId: string
  readonly outcome: string
  readonly price: number | null
  readonly latencyMs: number | null
}

/** A way to reach the service. */
export interface Transport {
  /** Sends one request; calls back exactly once, when it was answered, failed or took too long. Never throws. */
  send(request: RunAuctionInput, onAnswer: (answer: Answer) => void): void
  dispose(): Promise<void>
}

/** The header that brings an API key; over a WebSocket it is what connection_init's payload has. */
export function authorization(apiKey: string | undefined): Record<string, string> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
}

/** A request that was not answered within this time counts as an error, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 15_000
/** A connection that was not made within this time counts as an error, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 5000
