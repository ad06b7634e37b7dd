import type { Asker } from '../asker.ts'
import type { BidderResponse, RequestDetails } from '../bidders/types.ts'
import type { AuctionType, Bidder, SupplySettings } from '../catalog/types.ts'

/** One impression offered to its eligible bidders, with everything they answered: what is recorded and told of it. */
export interface Auction {
  /** UUIDv7. */
  readonly id: string
  readonly supplyId: string
  readonly country: string
  readonly tmaxMs: number
  /** One per eligible bidder, by bidder id; none where nobody was eligible. */
  readonly responses: readonly BidderResponse[]
  readonly auctionType: AuctionType
  /** No bid under it was taken, in whole millionths; 0: none. */
  readonly floorMicros: number
  /** Null where no bidder bid in time. */
  readonly winner: Bidder | null
  /** What the winner pays, in whole millionths, which need not be its bid; 0 without a winner. */
  readonly priceMicros: number
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  /** From the first bidder asked to the winner known, in milliseconds. */
  readonly durationMs: number
}

/** A request to sell one impression, already well formed. */
export interface AuctionRequest {
  readonly supplyId: string
  /** The end user's address, IPv4 or IPv6. */
  readonly ip: string
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country: string
  /** The longest a bidder may take, in milliseconds, within TMAX_MS. */
  readonly tmaxMs: number
  /** What this request says of the supply, before what the catalogue says. */
  readonly supply?: Partial<SupplySettings>
  /** Of the user and the place, for bidders that are asked over HTTP. */
  readonly details?: RequestDetails
  /** Who asked, for whoever tells of the auction. */
  readonly asker?: Asker
}

/** How a request to sell an impression ends. */
export type AuctionResult =
  | { readonly type: 'SUPPLY_NOT_FOUND'; readonly supplyId: string }
  | { readonly type: 'RATE_LIMITED'; readonly retryAfterMs: number; readonly isLimitedLocally: boolean }
  | {
      readonly type: 'NO_ELIGIBLE_BIDDERS'
      readonly supplyId: string
      readonly country: string
      readonly isLimitedLocally: boolean
    }
  | { readonly type: 'HELD'; readonly auction: Auction; readonly isLimitedLocally: boolean }
