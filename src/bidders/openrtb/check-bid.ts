import { isObject } from '../../is-object.ts'
import { toMicros } from '../../money.ts'
import type { ReasonName } from '../reasons.ts'
import type { Bid, BidRequest, Creative } from '../types.ts'
import type { Blocks } from './blocks.ts'
import { shapeOf } from './creative.ts'
import { IMPRESSION_ID } from './supply-part.ts'

/** A bid that may win. */
export interface ValidBid {
  /** In whole millionths. */
  readonly priceMicros: number
  readonly bid: Bid
}

/**
 * A bid as it may be in an answer, whatever that is; or why it is not taken.
 * @param seat on whose behalf it is made
 */
export function checkBid(
  value: unknown,
  seat: string | null,
  { supply }: Pick<BidRequest, 'supply'>,
  blocksOf: (list: readonly string[]) => Blocks,
): ValidBid | ReasonName {
  if (!isObject(value)) return 'INVALID_RESPONSE'
  const { id, impid, price, adm } = value
  if (!isText(id, NAME_LENGTH_MAX) || id === '') return 'INVALID_RESPONSE'
  if (impid !== IMPRESSION_ID) return 'WRONG_IMPRESSION_ID'
  const priceMicros = priceOf(price)
  if (priceMicros === undefined) return 'INVALID_PRICE'
  if (adm === undefined || adm === null || adm === '') return 'MISSING_MARKUP'
  if (!isText(adm, Number.POSITIVE_INFINITY)) return 'INVALID_RESPONSE'
  if (!SOMETHING.test(adm)) return 'MISSING_MARKUP'

  const adomain = value.adomain ?? NONE
  const cat = value.cat ?? NONE
  const crid = nameOf(value.crid)
  const adid = nameOf(value.adid)
  const nurl = urlOf(value.nurl)
  const burl = urlOf(value.burl)
  const lurl = urlOf(value.lurl)
  if (crid === undefined || adid === undefined || nurl === undefined || burl === undefined || lurl === undefined) {
    return 'INVALID_RESPONSE'
  }
  if (!isListOfNames(adomain) || !isListOfNames(cat)) return 'INVALID_RESPONSE'

  const { blockedAdvertisers, blockedCategories } = supply
  if (blockedAdvertisers.length > 0 && adomain.some(blocksOf(blockedAdvertisers).hasDomain)) return 'ADVERTISER_BLOCKED'
  if (blockedCategories.length > 0 && cat.some(blocksOf(blockedCategories).hasCategory)) return 'CATEGORY_BLOCKED'
  const shape = shapeOf(value, adm, supply.impression)
  if (typeof shape === 'string') return shape
  const { mediaType, width, height } = shape
  const creative = { markup: adm, creativeId: crid, advertiserDomains: adomain, width, height, mediaType }
  return { priceMicros, bid: { id, seat, creative, adId: adid, nurl, burl, lurl } }
}

/** Of a bid that is not taken what a notice needs that it has lost; undefined where nobody wants one. */
export function refusedBid(value: unknown, seat: string | null): Bid | undefined {
  const lurl = isObject(value) ? urlOf(value.lurl) : undefined
  if (!isObject(value) || !lurl) return undefined
  const { id } = value
  return {
    id: isText(id, NAME_LENGTH_MAX) ? id : '',
    seat,
    creative: NO_CREATIVE,
    adId: nameOf(value.adid) ?? null,
    nurl: null,
    burl: null,
    lurl,
  }
}

/**
 * An optional name: null where there is none, undefined where it is no name. Numbers are taken for the names that they
 * spell, since many bidders have numbers.
 */
export function nameOf(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  return isText(value, NAME_LENGTH_MAX) ? value : undefined
}

function urlOf(value: unknown): string | null | undefined {
  if (value === undefined || value === null || value === '') return null
  return isText(value, URL_LENGTH_MAX) ? value : undefined
}

/** A price in whole millionths; undefined where it is none that anybody could mean. */
function priceOf(price: unknown): number | undefined {
  if (typeof price !== 'number') return undefined
  const micros = toMicros(price)
  return micros >= 1 && micros <= PRICE_MICROS_MAX ? micros : undefined
}

/** PostgreSQL's text cannot have the character 0. */
function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === 'string' && value.length <= lengthMax && !value.includes('\0')
}

function isListOfNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= NAMES_MAX && value.every((name) => isText(name, NAME_LENGTH_MAX))
}

const NONE: readonly string[] = []
const NO_CREATIVE: Creative = {
  markup: '',
  creativeId: null,
  advertiserDomains: NONE,
  width: null,
  height: null,
  mediaType: 'BANNER',
}
const SOMETHING = /\S/
/** A million units per thousand impressions. */
const PRICE_MICROS_MAX = 1e12
const NAME_LENGTH_MAX = 1024
const NAMES_MAX = 1000
const URL_LENGTH_MAX = 8192
