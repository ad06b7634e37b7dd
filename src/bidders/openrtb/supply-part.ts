import type { SupplySettings } from '../../catalog/types.ts'
import { CURRENCY, toUnits } from '../../money.ts'
import type { Impression, OpenRtbApp, OpenRtbSite, OpenRtbSupplyChain } from '../../openrtb/types.ts'
import type { RequestDetails } from '../types.ts'

/** This exchange as the supply chain names it. */
export interface Seller {
  /** Its canonical domain, as in ads.txt files (`asi`). */
  readonly domain: string
  /** What it calls whom it pays (`sid`), where a site or app does not name its publisher. */
  readonly accountId: string
}

/** What a bid request says of its supply, as pieces of JSON: members of an object, without its braces. */
export interface SupplyPart {
  /** Of the impression, but its ids. */
  readonly imp: string
  /** The site or the app, with a comma behind it; empty where neither is known. */
  readonly place: string
  /** How it is sold, and to whom not. */
  readonly terms: string
  /** The value of `source.schain`. */
  readonly schain: string
}

/** Where an auction has one impression, its id. */
export const IMPRESSION_ID = '1'
/** What is offered where a supply does not say: the size that is most common. */
export const DEFAULT_IMPRESSION: Impression = { banner: { w: 300, h: 250, format: [{ w: 300, h: 250 }] } }

/** Makes the part of each supply once, for as long as its settings are in the catalogue. */
export function createSupplyParts(
  seller: Seller,
): (settings: SupplySettings, details?: Pick<RequestDetails, 'site' | 'app'>) => SupplyPart {
  const made = new WeakMap<SupplySettings, SupplyPart>()
  return (settings, details) => {
    if (details?.site !== undefined || details?.app !== undefined) return makePart(seller, settings, details)
    let part = made.get(settings)
    if (part === undefined) {
      part = makePart(seller, settings, {})
      made.set(settings, part)
    }
    return part
  }
}

function makePart(seller: Seller, settings: SupplySettings, details: Pick<RequestDetails, 'site' | 'app'>): SupplyPart {
  const { floorMicros, auctionType, impression, blockedCategories, blockedAdvertisers } = settings
  const { banner, video, native } = impression ?? DEFAULT_IMPRESSION
  const { site, app } = placeOf(settings, details)
  const publisherId = (app ?? site)?.publisher?.id
  const schain: OpenRtbSupplyChain = {
    complete: 1,
    nodes: [{ asi: seller.domain, sid: publisherId ?? seller.accountId, hp: 1 }],
    ver: '1.0',
  }
  return {
    imp: members({
      banner,
      video,
      native,
      ...(floorMicros > 0 && { bidfloor: toUnits(floorMicros), bidfloorcur: CURRENCY }),
      secure: 1,
    }),
    place: app ? `${members({ app })},` : site ? `${members({ site })},` : '',
    terms: members({
      at: auctionType === 'SECOND_PRICE' ? 2 : 1,
      cur: [CURRENCY],
      ...(blockedCategories.length > 0 && { bcat: blockedCategories }),
      ...(blockedAdvertisers.length > 0 && { badv: blockedAdvertisers }),
    }),
    schain: JSON.stringify(schain),
  }
}

/** A request has one of the two at most: what an auction says is put into what the catalogue says of the same kind. */
function placeOf(
  { site, app }: SupplySettings,
  details: Pick<RequestDetails, 'site' | 'app'>,
): { readonly site?: OpenRtbSite; readonly app?: OpenRtbApp } {
  if (details.app) return { app: { ...app, ...details.app } }
  if (details.site) return { site: { ...site, ...details.site } }
  if (app) return { app }
  return site ? { site } : {}
}

function members(object: object): string {
  return JSON.stringify(object).slice(1, -1)
}
