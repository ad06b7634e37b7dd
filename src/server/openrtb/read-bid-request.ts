import { TMAX_MS } from '../../auction/tmax.ts'
import type { AuctionRequest } from '../../auction/types.ts'
import type { RequestDetails } from '../../bidders/types.ts'
import { alpha2Of } from '../../catalog/country.ts'
import type { CatalogSnapshot, SupplySettings } from '../../catalog/types.ts'
import { isObject } from '../../is-object.ts'
import { CURRENCY, toMicros } from '../../money.ts'
import type { OpenRtbDevice } from '../../openrtb/types.ts'
import { isIPAddress } from '../../rate-limit/key.ts'
import { BidRequestError, isDeeperThan, type Json, optionalObject, text, texts } from './checks.ts'
import { impressionOf } from './read-impression.ts'

/** A bid request of somebody else's, as the auctions that it asks for: one for each of its impressions. */
export interface AuctionsWanted {
  readonly id: string
  readonly auctions: readonly { readonly impId: string; readonly request: AuctionRequest }[]
}

/**
 * Reads a bid request of OpenRTB 2.6. An impression's `tagid` names the supply; what the request says of the impression,
 * the floor and what is blocked is put together with what the catalogue says.
 * @param checkSupply told of each supply before it is looked for, to throw where it may not be sold
 * @throws BidRequestError, and what `checkSupply` throws
 */
export function readBidRequest(
  body: Buffer,
  catalog: CatalogSnapshot,
  checkSupply: (supplyId: string) => void = () => {},
): AuctionsWanted {
  const json = parse(body)
  if (!isObject(json)) throw new BidRequestError('The body must be a bid request: a JSON object.')
  const id = text(json.id, 'id')
  const device = optionalObject(json.device, 'device')
  const base = {
    ip: addressOf(device),
    country: countryOf(device),
    tmaxMs: tmaxOf(json.tmax),
    details: detailsOf(json, device),
  }
  if (json.cur !== undefined && !(Array.isArray(json.cur) && json.cur.includes(CURRENCY))) {
    throw new BidRequestError(`cur must be a list with ${CURRENCY} in it, in which everything is sold here.`)
  }
  const blocked = { bcat: texts(json.bcat, 'bcat'), badv: texts(json.badv, 'badv') }
  if (!Array.isArray(json.imp) || json.imp.length === 0 || json.imp.length > IMPRESSIONS_MAX) {
    throw new BidRequestError(`imp must be a list of 1 to ${IMPRESSIONS_MAX} impressions.`)
  }
  const seen = new Set<string>()
  const auctions = json.imp.map((imp: unknown, index: number) => {
    const path = `imp[${index}]`
    if (!isObject(imp)) throw new BidRequestError(`${path} must be an object.`)
    const impId = text(imp.id, `${path}.id`)
    if (seen.has(impId)) throw new BidRequestError(`${path}.id repeats ${JSON.stringify(impId)}.`)
    seen.add(impId)
    const supplyId = text(imp.tagid, `${path}.tagid`)
    checkSupply(supplyId)
    if (!catalog.supplies.has(supplyId)) {
      throw new BidRequestError(`${path}.tagid names no supply: ${JSON.stringify(supplyId)}.`)
    }
    const supply = supplyOf(imp, path, blocked, catalog.supplySettings(supplyId))
    return { impId, request: { supplyId, ...base, supply } }
  })
  return { id, auctions }
}

/** The most impressions of one request: each is an auction. */
export const IMPRESSIONS_MAX = 20
/** Lists and objects within each other: parts go on to bidders, whose parsers have bounds as ours has. */
const LEVELS_MAX = 64

function parse(body: Buffer): unknown {
  let json: unknown
  try {
    json = JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new BidRequestError(`The body is not JSON: ${(error as SyntaxError).message}.`)
  }
  if (isDeeperThan(json, LEVELS_MAX)) throw new BidRequestError(`The body must have ${LEVELS_MAX} levels at most.`)
  return json
}

function addressOf(device: Json | undefined): string {
  const address = device?.ip ?? device?.ipv6
  if (typeof address === 'string' && isIPAddress(address)) return address
  throw new BidRequestError("device.ip (or ipv6) must be the end user's address, which limits are counted by.")
}

function countryOf(device: Json | undefined): string {
  const { country } = optionalObject(device?.geo, 'device.geo') ?? {}
  const found = typeof country === 'string' ? alpha2Of(country) : undefined
  if (found !== undefined) return found
  throw new BidRequestError('device.geo.country must be an ISO 3166-1 alpha-3 country code, such as "USA".')
}

function tmaxOf(tmax: unknown): number {
  if (tmax === undefined) return TMAX_MS.default
  if (Number.isInteger(tmax) && (tmax as number) >= TMAX_MS.min && (tmax as number) <= TMAX_MS.max)
    return tmax as number
  throw new BidRequestError(`tmax must be a whole number of milliseconds, ${TMAX_MS.min} to ${TMAX_MS.max}.`)
}

/** The address and the country are the auction's own: what goes out of them to bidders is decided there. */
function detailsOf(json: Json, device: Json | undefined): RequestDetails {
  const site = optionalObject(json.site, 'site')
  const app = optionalObject(json.app, 'app')
  if (site && app) throw new BidRequestError('A request has a site or an app, not both.')
  const user = optionalObject(json.user, 'user')
  const regs = optionalObject(json.regs, 'regs')
  return {
    ...(site && { site }),
    ...(app && { app }),
    ...(device && { device: withoutPlace(device) }),
    ...(user && { user }),
    ...(regs && { regs }),
    ...(json.test === 1 && { isTest: true }),
  }
}

function withoutPlace({ ip: _ip, ipv6: _ipv6, geo, ...device }: OpenRtbDevice): OpenRtbDevice {
  if (geo === undefined) return device
  const { country: _country, ...place } = geo
  return { ...device, geo: place }
}

function supplyOf(
  imp: Json,
  path: string,
  { bcat, badv }: { readonly bcat: readonly string[]; readonly badv: readonly string[] },
  settings: SupplySettings,
): Partial<SupplySettings> {
  const impression = impressionOf(imp, path)
  return {
    floorMicros: Math.max(settings.floorMicros, floorOf(imp, path)),
    ...(impression && { impression }),
    ...(bcat.length > 0 && { blockedCategories: [...settings.blockedCategories, ...bcat] }),
    ...(badv.length > 0 && { blockedAdvertisers: [...settings.blockedAdvertisers, ...badv.map(toLowerCase)] }),
  }
}

function floorOf({ bidfloor = 0, bidfloorcur = CURRENCY }: Json, path: string): number {
  if (typeof bidfloor !== 'number' || !(bidfloor >= 0) || bidfloor > FLOOR_MAX) {
    throw new BidRequestError(`${path}.bidfloor must be a number from 0 to ${FLOOR_MAX}.`)
  }
  if (bidfloorcur !== CURRENCY) throw new BidRequestError(`${path}.bidfloorcur must be ${CURRENCY}.`)
  return toMicros(bidfloor)
}

/** In units of the currency: no impression costs more, and in millionths it is exact. */
const FLOOR_MAX = 1_000_000

function toLowerCase(value: string): string {
  return value.toLowerCase()
}
