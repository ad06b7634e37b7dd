import { CURRENCY } from '../money.ts'
import type { OpenRtbBid, OpenRtbBidRequest, OpenRtbBidResponse, OpenRtbImp } from '../openrtb/types.ts'
import type { Random } from '../random.ts'

/** How a demand partner answers bid requests. */
export interface Behaviour {
  /** Of the bidder: its seat, and what its ads are called by. */
  readonly name: string
  /** How long an answer takes, uniform between the two, in milliseconds. */
  readonly latencyMs: readonly [min: number, max: number]
  /** The share of requests that are answered without a bid, 0 to 1. */
  readonly noBid: number
  /** The share of requests that get an HTTP 500, an answer that is no JSON, or a connection that is cut, 0 to 1. */
  readonly errors: number
  /** Of a bid, uniform between the two, in USD. */
  readonly price: readonly [min: number, max: number]
}

/**
 * A bid for each impression of a request: no less than its floor, or none where the price drawn is under it.
 * @param notices where notices are to be sent, such as http://127.0.0.1:4101/notice
 * @returns undefined where nothing is bid
 */
export function bidOn(
  request: OpenRtbBidRequest,
  { name, price }: Behaviour,
  random: Random,
  notices: string,
): OpenRtbBidResponse | undefined {
  const bid = request.imp.flatMap((imp): OpenRtbBid[] => {
    const offered = Math.round((price[0] + random() * (price[1] - price[0])) * PRICE_STEPS) / PRICE_STEPS
    return offered < (imp.bidfloor ?? 0) ? [] : [bidFor(imp, offered, name, notices)]
  })
  if (bid.length === 0) return undefined
  return { id: request.id, cur: CURRENCY, seatbid: [{ seat: name, bid }] }
}

/** Bids are in thousandths, as partners have them. */
const PRICE_STEPS = 1000

function bidFor(imp: OpenRtbImp, price: number, name: string, notices: string): OpenRtbBid {
  return {
    id: `${name}-${imp.id}`,
    impid: imp.id,
    price,
    adomain: [`${name}.example`],
    crid: `${name}-creative-1`,
    cat: ['IAB3-1'],
    nurl: `${notices}?kind=win&auction=\${AUCTION_ID}&price=\${AUCTION_PRICE}`,
    burl: `${notices}?kind=billing&auction=\${AUCTION_ID}&price=\${AUCTION_PRICE}`,
    lurl: `${notices}?kind=loss&auction=\${AUCTION_ID}&reason=\${AUCTION_LOSS}&min_to_win=\${AUCTION_MIN_TO_WIN}`,
    ...adFor(imp, name),
  }
}

function adFor({ banner, video, native }: OpenRtbImp, name: string): Pick<OpenRtbBid, 'adm' | 'w' | 'h' | 'mtype'> {
  if (banner) {
    const { w = 300, h = 250 } = banner.format?.[0] ?? banner
    const markup = `<a href="https://${name}.example/"><img src="https://${name}.example/${w}x${h}.png" width="${w}" height="${h}" alt=""></a>`
    return { adm: markup, w, h, mtype: 1 }
  }
  if (video) {
    const url = `https://${name}.example/ad.mp4`
    const markup = `<VAST version="4.0"><Ad id="${name}"><InLine><AdSystem>${name}</AdSystem><AdTitle>${name}</AdTitle><Creatives><Creative><Linear><Duration>00:00:15</Duration><MediaFiles><MediaFile delivery="progressive" type="video/mp4" width="640" height="360"><![CDATA[${url}]]></MediaFile></MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>`
    return { adm: markup, mtype: 2 }
  }
  if (native) {
    const link = { url: `https://${name}.example/` }
    return { adm: JSON.stringify({ ver: '1.2', link, assets: [{ id: 1, title: { text: name } }] }), mtype: 4 }
  }
  return { adm: `<a href="https://${name}.example/">${name}</a>`, mtype: 1 }
}
