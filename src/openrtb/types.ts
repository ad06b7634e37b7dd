/**
 * The objects of OpenRTB 2.6 that this service reads and writes, by the specification's own names and units: times in
 * milliseconds, prices in units of the currency per thousand impressions as the parties agree on them. Objects of one's
 * own go under `ext`.
 * https://github.com/InteractiveAdvertisingBureau/openrtb2.x/blob/main/2.6.md, section 3
 */

/** 3.2.1: one impression opportunity to each of its bidders. */
export interface OpenRtbBidRequest {
  readonly id: string
  readonly imp: readonly OpenRtbImp[]
  readonly site?: OpenRtbSite
  readonly app?: OpenRtbApp
  readonly device?: OpenRtbDevice
  readonly user?: OpenRtbUser
  /** 1: the auction is a test that is not to be billed. */
  readonly test?: 0 | 1
  /** 1: first price, 2: second price plus. */
  readonly at?: number
  /** How long a bid may take to arrive, the network included. */
  readonly tmax?: number
  /** ISO 4217. */
  readonly cur?: readonly string[]
  /** Blocked categories, of the taxonomy that cattax names. */
  readonly bcat?: readonly string[]
  /** Blocked advertisers, by their domains. */
  readonly badv?: readonly string[]
  readonly source?: OpenRtbSource
  readonly regs?: OpenRtbRegs
  readonly ext?: OpenRtbExt
}

export type OpenRtbExt = Readonly<Record<string, unknown>>

/** 3.2.2 */
export interface OpenRtbSource {
  readonly fd?: 0 | 1
  readonly tid?: string
  readonly pchain?: string
  readonly schain?: OpenRtbSupplyChain
  readonly ext?: OpenRtbExt
}

/** 3.2.25 */
export interface OpenRtbSupplyChain {
  readonly complete: 0 | 1
  readonly nodes: readonly OpenRtbSupplyChainNode[]
  readonly ver: string
}

/** 3.2.26 */
export interface OpenRtbSupplyChainNode {
  readonly asi: string
  readonly sid: string
  readonly rid?: string
  readonly name?: string
  readonly domain?: string
  readonly hp?: 0 | 1
}

/** 3.2.3 */
export interface OpenRtbRegs {
  readonly coppa?: 0 | 1
  readonly gdpr?: 0 | 1
  readonly us_privacy?: string
  readonly gpp?: string
  readonly gpp_sid?: readonly number[]
  readonly ext?: OpenRtbExt
}

/** 3.2.4 */
export interface OpenRtbImp extends Impression {
  readonly id: string
  /** The placement: here the supply's id. */
  readonly tagid?: string
  readonly bidfloor?: number
  readonly bidfloorcur?: string
  readonly secure?: 0 | 1
  readonly ext?: OpenRtbExt
}

/** What is shown in an impression: one or more of these, each an alternative. */
export interface Impression {
  readonly banner?: OpenRtbBanner
  readonly video?: OpenRtbVideo
  readonly native?: OpenRtbNative
}

/** 3.2.6 */
export interface OpenRtbBanner {
  readonly format?: readonly OpenRtbFormat[]
  readonly w?: number
  readonly h?: number
  readonly [field: string]: unknown
}

/** 3.2.10 */
export interface OpenRtbFormat {
  readonly w?: number
  readonly h?: number
  readonly [field: string]: unknown
}

/** 3.2.7 */
export interface OpenRtbVideo {
  readonly mimes: readonly string[]
  readonly w?: number
  readonly h?: number
  readonly [field: string]: unknown
}

/** 3.2.9 */
export interface OpenRtbNative {
  /** Of the native specification, as JSON. */
  readonly request: string
  readonly ver?: string
  readonly [field: string]: unknown
}

/** 3.2.13 */
export interface OpenRtbSite {
  readonly id?: string
  readonly name?: string
  readonly domain?: string
  readonly page?: string
  readonly publisher?: OpenRtbPublisher
  readonly [field: string]: unknown
}

/** 3.2.14 */
export interface OpenRtbApp {
  readonly id?: string
  readonly name?: string
  readonly bundle?: string
  readonly publisher?: OpenRtbPublisher
  readonly [field: string]: unknown
}

/** 3.2.15 */
export interface OpenRtbPublisher {
  readonly id?: string
  readonly name?: string
  readonly domain?: string
  readonly [field: string]: unknown
}

/** 3.2.18 */
export interface OpenRtbDevice {
  readonly ua?: string
  readonly ip?: string
  readonly ipv6?: string
  readonly geo?: OpenRtbGeo
  readonly [field: string]: unknown
}

/** 3.2.19 */
export interface OpenRtbGeo {
  readonly lat?: number
  readonly lon?: number
  /** ISO 3166-1 alpha-3. */
  readonly country?: string
  readonly [field: string]: unknown
}

/** 3.2.20 */
export interface OpenRtbUser {
  readonly id?: string
  readonly buyeruid?: string
  /** The TCF consent string. */
  readonly consent?: string
  readonly [field: string]: unknown
}

/** 4.2.1 */
export interface OpenRtbBidResponse {
  readonly id: string
  readonly seatbid?: readonly OpenRtbSeatBid[]
  readonly bidid?: string
  readonly cur?: string
  /** Why there is no bid. */
  readonly nbr?: number
}

/** 4.2.2 */
export interface OpenRtbSeatBid {
  readonly bid: readonly OpenRtbBid[]
  readonly seat?: string
}

/** 4.2.3 */
export interface OpenRtbBid {
  readonly id: string
  readonly impid: string
  readonly price: number
  readonly nurl?: string
  readonly burl?: string
  readonly lurl?: string
  readonly adm?: string
  readonly adid?: string
  readonly adomain?: readonly string[]
  readonly crid?: string
  readonly cat?: readonly string[]
  readonly dealid?: string
  readonly w?: number
  readonly h?: number
  /** 1: banner, 2: video, 3: audio, 4: native. */
  readonly mtype?: number
  readonly ext?: OpenRtbExt
}
