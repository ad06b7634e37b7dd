import type { Asker } from '../asker.ts'
import type { Bidder, SupplySettings } from '../catalog/types.ts'
import type { OpenRtbApp, OpenRtbDevice, OpenRtbRegs, OpenRtbSite, OpenRtbUser } from '../openrtb/types.ts'
import type { Chance } from '../random.ts'
import type { ReasonName } from './reasons.ts'

/** How bidders are asked, whatever is behind it: a simulation, a server over HTTP. */
export interface BidderClient {
  /**
   * Asks one bidder. An answer that is known at once comes without a promise, and is taken to arrive after its latency;
   * else a promise, which resolves when the bidder has answered. Nobody waits for it after the deadline: a client ends by
   * then what it does. What goes wrong with a bidder is an answer, an error or a timeout: to throw or to reject fails the
   * whole auction, so only a bug does.
   * @param deadlineMs when the auction ends, by the clock's `monotonic()`
   */
  bid(bidder: Bidder, request: BidRequest, deadlineMs: number): BidderResponse | Promise<BidderResponse>
}

/** One impression as bidders are offered it. Its chance is the auction's own, for what is simulated. */
export interface BidRequest extends Chance {
  /** UUIDv7. */
  readonly auctionId: string
  readonly supplyId: string
  /** The end user's address, IPv4 or IPv6. */
  readonly ip: string
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country: string
  /** The longest a bidder may take, in milliseconds. */
  readonly tmaxMs: number
  /** How the supply sells, with what the request says of it put in: the impression, the floor, what is blocked. */
  readonly supply: SupplySettings
  /** Of the user and the place, where the request has it. */
  readonly details: RequestDetails | undefined
  /** Who asked, whose span bidders over HTTP are told where traces are on. */
  readonly asker?: Asker | undefined
}

/** What a request for an auction may say beside the necessary, for bidders that are asked over HTTP; as OpenRTB has it. */
export interface RequestDetails {
  readonly site?: OpenRtbSite
  readonly app?: OpenRtbApp
  readonly device?: OpenRtbDevice
  readonly user?: OpenRtbUser
  readonly regs?: OpenRtbRegs
  readonly isTest?: boolean
}

/**
 * How a bidder came out of an auction. ERROR: what it answered is no bid that could be taken, nor a refusal to bid.
 * SKIPPED: it was not asked.
 */
export type BidderOutcome = 'WON' | 'LOST' | 'NO_BID' | 'TIMED_OUT' | 'ERROR' | 'SKIPPED'

/** What one bidder answered in one auction: made by a client, its outcome settled by the auction. */
export interface BidderResponse {
  readonly bidderId: string
  /** A bid is LOST until it has won. */
  outcome: BidderOutcome
  /** The price bid, in whole millionths; null unless WON or LOST. */
  priceMicros: number | null
  /**
   * How long the bidder took, in milliseconds; for TIMED_OUT how long it would have taken, null where that is not known;
   * for SKIPPED null.
   */
  readonly latencyMs: number | null
  /** Of ERROR, SKIPPED and LOST; undefined else, and where the bid was outbid. */
  reason?: ReasonName | undefined
  /** What it bid with, beside the price; undefined where there is no bid, and for what is simulated. */
  bid?: Bid | undefined
}

/** What a bidder over HTTP offers to show, and whom it wants told. */
export interface Bid {
  /** The bidder's own name for it. */
  readonly id: string
  /** The bidder's own name for its answer (BidResponse.bidid), where it gives one. */
  readonly responseId?: string | null
  /** On whose behalf it bids. */
  readonly seat: string | null
  readonly creative: Creative
  readonly adId: string | null
  /** Told that it has won, that it is billed, that it has lost; with OpenRTB's macros. */
  readonly nurl: string | null
  readonly burl: string | null
  readonly lurl: string | null
}

export type MediaType = 'BANNER' | 'VIDEO' | 'AUDIO' | 'NATIVE'

export interface Creative {
  readonly markup: string
  readonly creativeId: string | null
  readonly advertiserDomains: readonly string[]
  /** In device-independent pixels. */
  readonly width: number | null
  readonly height: number | null
  readonly mediaType: MediaType
}
