import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createBidRequests } from '../../src/bidders/openrtb/bid-request.ts'
import type { BidRequest, RequestDetails } from '../../src/bidders/types.ts'
import { DEFAULT_SUPPLY_SETTINGS, type SupplySettings } from '../../src/catalog/types.ts'
import type { OpenRtbBidRequest } from '../../src/openrtb/types.ts'
import fc from '../support/fast-check.ts'
import { bidRequestProblems } from '../support/openrtb-schema.ts'

const SELLER = { domain: 'exchange.example', accountId: 'account-1' }
const AUCTION_ID = '0198c0de-0000-7000-8000-000000000001'
/** Consent to all purposes, and to none. */
const CONSENT =
  'CPfMKEAPfMKEABtACAENCtCgAP_AAH_AAAqIJNNd_X__bX9n-_7_6ft0eY1f9_r37uQzDhfNs-8F3L_W_LwX32E7NF36tq4KmR4ku1bBIQNtHM'
const NO_CONSENT = 'CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA'

const VIDEO = { mimes: ['video/mp4'], minduration: 5, maxduration: 30, protocols: [2, 3], w: 640, h: 480, plcmt: 1 }
const NATIVE = { request: '{"ver":"1.2","assets":[{"id":1,"required":1,"title":{"len":90}}]}', ver: '1.2' }
const SITE = { id: 's1', domain: 'news.example', page: 'https://news.example/a?b="c"', publisher: { id: 'pub-7' } }
const APP = { id: 'a1', name: 'Game', bundle: 'com.example.game', storeurl: 'https://store.example/game' }
const DEVICE = {
  ua: 'Mozilla/5.0 “X”',
  ip: '198.51.100.99',
  ifa: '11111111-2222-3333-4444-555555555555',
  os: 'iOS',
  language: 'en',
  geo: { lat: 52.52, lon: 13.4, zip: '10115', region: 'BE', country: 'DE' },
}
const USER = { id: 'user-1', buyeruid: 'buyer-1', eids: [{ source: 'ids.example', uids: [{ id: 'x' }] }] }

function requestOf(changes: Partial<Omit<BidRequest, 'supply'>> & { supply?: Partial<SupplySettings> } = {}) {
  const { supply, ...rest } = changes
  return {
    auctionId: AUCTION_ID,
    supplyId: 'supply "1"',
    ip: '203.0.113.77',
    country: 'US',
    tmaxMs: 200,
    details: undefined,
    chance: 0,
    supply: { ...DEFAULT_SUPPLY_SETTINGS, ...supply },
    ...rest,
  } satisfies BidRequest
}

const bodyOf = createBidRequests({ seller: SELLER, sendsFullAddress: false })
const sent = (changes?: Parameters<typeof requestOf>[0], make = bodyOf): OpenRtbBidRequest =>
  JSON.parse(make(requestOf(changes)).plain(150).toString())
const detailed = (details: RequestDetails, make = bodyOf) => sent({ details }, make)

describe('createBidRequests', () => {
  it('should offer a banner of the most common size where nothing is said of the supply', () => {
    expect(sent()).toEqual({
      id: AUCTION_ID,
      imp: [{ id: '1', tagid: 'supply "1"', banner: { w: 300, h: 250, format: [{ w: 300, h: 250 }] }, secure: 1 }],
      device: { ip: '203.0.113.0', geo: { country: 'USA' } },
      at: 1,
      cur: ['USD'],
      source: {
        tid: AUCTION_ID,
        schain: { complete: 1, nodes: [{ asi: 'exchange.example', sid: 'account-1', hp: 1 }], ver: '1.0' },
      },
      tmax: 150,
    })
  })

  it.each<[string, Partial<SupplySettings>, RequestDetails | undefined]>([
    ['a banner', { impression: { banner: { format: [{ w: 728, h: 90 }], pos: 1 } }, site: SITE }, undefined],
    ['a video', { impression: { video: VIDEO }, app: APP }, undefined],
    ['a native ad', { impression: { native: NATIVE }, site: SITE }, { device: DEVICE }],
    ['several kinds', { impression: { banner: { w: 1, h: 1 }, video: VIDEO, native: NATIVE } }, { site: SITE }],
    ['a site with all there is', { site: SITE, floorMicros: 123_456 }, { device: DEVICE, user: USER, isTest: true }],
    [
      'an app under the law',
      { auctionType: 'SECOND_PRICE', blockedCategories: ['IAB25'], blockedAdvertisers: ['bad.example'] },
      { app: APP, device: DEVICE, user: { ...USER, consent: CONSENT }, regs: { gdpr: 1, coppa: 0, gpp_sid: [2] } },
    ],
  ])('should send only what the specification has, of its types, for %s', (_what, supply, details) => {
    expect(bidRequestProblems(sent({ supply, details }))).toEqual([])
  })

  it('should say how the supply sells, and to whom not', () => {
    const request = sent({
      supply: {
        floorMicros: 1_234_567,
        auctionType: 'SECOND_PRICE',
        blockedCategories: ['IAB25'],
        blockedAdvertisers: ['bad.example'],
      },
    })
    expect(request).toMatchObject({ at: 2, bcat: ['IAB25'], badv: ['bad.example'] })
    expect(request.imp[0]).toMatchObject({ bidfloor: 1.234567, bidfloorcur: 'USD' })
  })

  it('should put what an auction says of its site into what the catalogue says, and name one place alone', () => {
    const page = { page: 'https://news.example/other' }
    expect(sent({ supply: { site: SITE }, details: { site: page } }).site).toEqual({ ...SITE, ...page })
    const inApp = sent({ supply: { site: SITE }, details: { app: APP } })
    expect([inApp.app, inApp.site]).toEqual([APP, undefined])
    expect(inApp.source?.schain?.nodes[0]?.sid).toBe('account-1')
    expect(sent({ supply: { site: SITE } }).source?.schain?.nodes[0]?.sid).toBe('pub-7')
  })

  it.each([
    ['203.0.113.77', { ip: '203.0.113.0' }, { ip: '203.0.113.77' }],
    ['2001:db8:1234:5678::9', { ipv6: '2001:db8:1234::' }, { ipv6: '2001:db8:1234:5678::9' }],
    ['::ffff:203.0.113.77', { ip: '203.0.113.0' }, { ip: '203.0.113.77' }],
    ['::1', { ipv6: '0:0:0::' }, { ipv6: '::1' }],
  ])('should cut the address %s, unless it is to be sent whole', (ip, cut, whole) => {
    const uncut = createBidRequests({ seller: SELLER, sendsFullAddress: true })
    expect(sent({ ip }).device).toEqual({ ...cut, geo: { country: 'USA' } })
    expect(sent({ ip }, uncut).device).toEqual({ ...whole, geo: { country: 'USA' } })
    expect(sent({ ip, details: { regs: { coppa: 1 } } }, uncut).device).toEqual({ ...cut, geo: { country: 'USA' } })
  })

  it('should send user and device as they came, with the address and country that the auction goes by', () => {
    const { device, user } = detailed({ device: DEVICE, user: USER, regs: { gdpr: 0, us_privacy: '1YNN' } })
    expect(device).toEqual({ ...DEVICE, ip: '203.0.113.0', geo: { ...DEVICE.geo, country: 'USA' } })
    expect(user).toEqual(USER)
  })

  it.each<[string, RequestDetails]>([
    ['a child', { regs: { coppa: 1 }, user: { ...USER, consent: CONSENT } }],
    ['somebody under the GDPR who has said nothing', { regs: { gdpr: 1 }, user: USER }],
    [
      'somebody under the GDPR who has consented to nothing',
      { regs: { gdpr: 1 }, user: { ...USER, consent: NO_CONSENT } },
    ],
    ['a consent that cannot be read', { regs: { gdpr: 1 }, user: { ...USER, consent: 'yes' } }],
    ['the GDPR as earlier versions say it', { regs: { ext: { gdpr: 1 } }, user: USER }],
    ['the GDPR as a GPP string says it', { regs: { gpp_sid: [7, 2] }, user: USER }],
    ['a flag of another type', { regs: { coppa: '1' as never }, user: USER }],
  ])('should tell no bidder who the user is or where exactly, for %s', (_what, details) => {
    const request = detailed({ ...details, device: DEVICE })
    expect(request.device).toEqual({
      ua: DEVICE.ua,
      os: 'iOS',
      language: 'en',
      ip: '203.0.113.0',
      geo: { region: 'BE', country: 'USA' },
    })
    const consent = details.user?.consent
    expect(request.user).toEqual(consent === undefined ? {} : { consent })
    expect(request.regs).toEqual(details.regs)
  })

  it('should not take for a consent what is no text', () => {
    const user = { ...USER, consent: { id: 'user-1' } as never }
    expect(detailed({ regs: { gdpr: 1 }, user }).user).toEqual({})
  })

  it('should name the user under the GDPR who has consented', () => {
    const user = { ...USER, consent: CONSENT }
    expect(detailed({ regs: { gdpr: 1 }, user, device: DEVICE })).toMatchObject({ user, device: { ifa: DEVICE.ifa } })
  })

  it('should give each bidder its own time, plain and compressed, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 3 }),
        (supplyId, times) => {
          const body = bodyOf(requestOf({ supplyId }))
          for (const tmaxMs of times) {
            const plain = body.plain(tmaxMs)
            expect(gunzipSync(body.gzipped(tmaxMs)).equals(plain)).toBe(true)
            expect(JSON.parse(plain.toString())).toMatchObject({
              tmax: tmaxMs,
              imp: [{ tagid: supplyId }],
            })
          }
        },
      ),
    )
  })

  it('should make the bytes of an auction once for bidders that have the same time', () => {
    const request = requestOf()
    const first = bodyOf(request).plain(100)
    expect(bodyOf(request).plain(100)).toBe(first)
    expect(JSON.parse(bodyOf(request).plain(99).toString())).toMatchObject({ tmax: 99 })
    expect(
      JSON.parse(
        bodyOf(requestOf({ supplyId: 'other' }))
          .plain(99)
          .toString(),
      ).imp[0].tagid,
    ).toBe('other')
  })
})
