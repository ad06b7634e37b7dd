import { alpha3Of } from '../../catalog/country.ts'
import type { BidRequest } from '../types.ts'
import { mayIdentifyUser } from './consent.ts'
import { anonymousUser, commonDevice, commonGeo, sentAddress } from './privacy.ts'
import { createRequestBody, type RequestBody } from './request-body.ts'
import { createSupplyParts, IMPRESSION_ID, type Seller, type SupplyPart } from './supply-part.ts'

export interface BidRequestsOptions {
  readonly seller: Seller
  /** Whether bidders are told the whole address of users who may be identified. */
  readonly sendsFullAddress: boolean
}

/**
 * Makes the bid requests of auctions in OpenRTB 2.6: an auction's bidders, asked one after the other, get the same one but
 * for the time that each has. What belongs to the supply is made once; of an auction only what is its own.
 */
export function createBidRequests({
  seller,
  sendsFullAddress,
}: BidRequestsOptions): (request: BidRequest) => RequestBody {
  const supplyPart = createSupplyParts(seller)
  let last: BidRequest | undefined
  let body: RequestBody | undefined
  return (request) => {
    if (body === undefined || request !== last) {
      body = createRequestBody(toJson(request, supplyPart(request.supply, request.details), sendsFullAddress))
      last = request
    }
    return body
  }
}

/** A bid request up to the number of its last member, `tmax`. What is joined as it is needs no escapes. */
function toJson(request: BidRequest, part: SupplyPart, sendsFullAddress: boolean): string {
  const { auctionId, supplyId, details } = request
  const mayIdentify = details === undefined || mayIdentifyUser(details)
  return `{"id":"${auctionId}","imp":[{"id":"${IMPRESSION_ID}","tagid":${JSON.stringify(supplyId)},${part.imp}}],${
    part.place
  }"device":${deviceOf(request, mayIdentify, sendsFullAddress)},${userOf(request, mayIdentify)}${
    part.terms
  },"source":{"tid":"${auctionId}","schain":${part.schain}},${lawOf(request)}"tmax":`
}

function deviceOf({ ip, country, details }: BidRequest, mayIdentify: boolean, sendsFullAddress: boolean): string {
  const address = sentAddress(ip, sendsFullAddress && mayIdentify)
  const device = details?.device
  const alpha3 = alpha3Of(country)
  if (device === undefined) {
    const { ip: ipv4, ipv6 } = address
    return `{${ipv4 === undefined ? `"ipv6":"${ipv6}"` : `"ip":"${ipv4}"`},"geo":{"country":"${alpha3}"}}`
  }
  const { ip: _ip, ipv6: _ipv6, geo, ...rest } = device
  return JSON.stringify({
    ...(mayIdentify ? rest : commonDevice(rest)),
    ...address,
    // The country is the one that bidders were chosen by.
    geo: { ...(geo && (mayIdentify ? geo : commonGeo(geo))), country: alpha3 },
  })
}

function userOf({ details }: BidRequest, mayIdentify: boolean): string {
  const user = details?.user
  if (!user) return ''
  return `"user":${JSON.stringify(mayIdentify ? user : anonymousUser(user))},`
}

/** The laws that hold, and whether it is but a test. */
function lawOf({ details }: BidRequest): string {
  if (details === undefined) return ''
  return `${details.regs ? `"regs":${JSON.stringify(details.regs)},` : ''}${details.isTest ? '"test":1,' : ''}`
}
