import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OpenRtbBidResponse } from '../../src/openrtb/types.ts'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { dataOf } from '../support/graphql.ts'
import { nextAddress } from '../support/load.ts'

/** A request of Prebid Server's shape: one banner of supply1. */
const REQUEST = {
  id: 'request-1',
  imp: [{ id: 'imp-1', tagid: 'supply1', banner: { format: [{ w: 300, h: 250 }] }, bidfloor: 0, secure: 1 }],
  site: { page: 'https://news.example/article', publisher: { id: 'p1' } },
  device: { ua: 'Mozilla/5.0', ip: '203.0.113.7', geo: { country: 'USA', lat: 40.7 } },
  user: { id: 'u1' },
  at: 1,
  tmax: 300,
  cur: ['USD'],
  ext: { prebid: {} },
}
const IMP = REQUEST.imp[0]

describe('POST /openrtb2/auction', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ catalog: SMALL_CATALOG })
  })
  afterAll(() => app?.dispose())

  function post(body: unknown, headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' }) {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return fetch(`${app.url}/openrtb2/auction`, { method: 'POST', headers, body: text })
  }

  function device(change: object = {}) {
    return { ...REQUEST.device, ip: nextAddress(), ...change }
  }

  async function requestsOf(supplyId: string): Promise<number> {
    const query = 'query($id: ID!) { stats(supplyIds: [$id]) { totalRequests } }'
    const { stats } = await dataOf<{ stats: { totalRequests: number }[] }>(app.graphql, query, { id: supplyId })
    return stats[0]?.totalRequests ?? 0
  }

  it('should sell each impression in an auction of its own, which is counted and logged as any other', async () => {
    const counted = await requestsOf('supply1')
    const imp = [IMP, { id: 'imp-2', tagid: 'supply4' }]
    const response = await post({ ...REQUEST, imp, device: device() })
    expect([response.status, response.headers.get('x-openrtb-version')]).toEqual([200, '2.6'])
    const { id, cur, seatbid } = (await response.json()) as OpenRtbBidResponse
    expect([id, cur]).toEqual(['request-1', 'USD'])
    const bids = (seatbid ?? []).flatMap(({ seat, bid }) => bid.map((one) => ({ seat, ...one })))
    expect(bids.map(({ impid }) => impid).sort()).toEqual(['imp-1', 'imp-2'])
    for (const { seat, price } of bids) {
      expect(['acme', 'bolt', 'crane', 'foxtrot']).toContain(seat)
      expect(price).toBeGreaterThan(0)
    }
    expect(await requestsOf('supply1')).toBe(counted + 1)
    const receipt = 'query($id: ID!) { auction(id: $id) { supplyId winnerId price } }'
    const sold = bids.find(({ impid }) => impid === 'imp-1')
    await expect
      .poll(async () => (await dataOf<{ auction: unknown }>(app.graphql, receipt, { id: sold?.id })).auction)
      .toEqual({
        supplyId: 'supply1',
        winnerId: sold?.seat,
        price: sold?.price,
      })
  })

  it('should answer 204 where nobody bids as much as the floor, and where nobody is eligible', async () => {
    const dear = await post({ ...REQUEST, imp: [{ ...IMP, bidfloor: 100 }], device: device() })
    expect([dear.status, await dear.text()]).toEqual([204, ''])
    const lonely = await post({ ...REQUEST, imp: [{ id: '1', tagid: 'lonely' }], device: device() })
    expect(lonely.status).toBe(204)
  })

  it('should count by device.ip, and answer 429 as GraphQL does where the limit lets nothing pass', async () => {
    const limited = device()
    for (let request = 0; request < 3; request++) expect((await post({ ...REQUEST, device: limited })).status).toBe(200)
    const response = await post({ ...REQUEST, device: limited })
    expect(response.status).toBe(429)
    const seconds = response.headers.get('retry-after')
    expect(Number(seconds)).toBeGreaterThan(0)
    expect(response.headers.get('ratelimit')).toBe(`"address";r=0;t=${seconds}`)
    expect(response.headers.get('ratelimit-policy')).toBe('"address";q=3;w=60')
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED' } }] })
  })

  it('should take an IPv6 address and an alpha-2 country, and what tmax is by default', async () => {
    const { tmax: _, ...request } = REQUEST
    const { ip: _ip, ...place } = device({ ipv6: '2001:db8::7', geo: { country: 'US' } })
    expect((await post({ ...request, device: place })).status).toBe(200)
  })

  it.each<[string, unknown]>([
    ['The body is not JSON', '{'],
    ['The body must be a bid request', []],
    ['id must be a text', { ...REQUEST, id: undefined }],
    ['imp must be a list of 1 to 20', { ...REQUEST, imp: [] }],
    [
      'imp must be a list of 1 to 20',
      { ...REQUEST, imp: Array.from({ length: 21 }, (_, id) => ({ ...IMP, id: `${id}` })) },
    ],
    ['imp[0] must be an object', { ...REQUEST, imp: ['supply1'] }],
    ['imp[0].id must be a text', { ...REQUEST, imp: [{ tagid: 'supply1' }] }],
    ['imp[1].id repeats', { ...REQUEST, imp: [IMP, IMP] }],
    ['imp[0].tagid must be a text', { ...REQUEST, imp: [{ id: '1' }] }],
    ['imp[0].tagid names no supply', { ...REQUEST, imp: [{ id: '1', tagid: 'nobody' }] }],
    ['imp[0].banner must be an object', { ...REQUEST, imp: [{ ...IMP, banner: 'x' }] }],
    ['imp[0].banner.format must be a list', { ...REQUEST, imp: [{ ...IMP, banner: { format: { length: 1 } } }] }],
    ['imp[0].banner.format[0] must be an object', { ...REQUEST, imp: [{ ...IMP, banner: { format: [null] } }] }],
    ['imp[0].banner.format[0].w must be', { ...REQUEST, imp: [{ ...IMP, banner: { format: [{ w: '300' }] } }] }],
    ['imp[0].banner.h must be a whole number', { ...REQUEST, imp: [{ ...IMP, banner: { w: 300, h: -1 } }] }],
    ['imp[0].video.mimes must be a list', { ...REQUEST, imp: [{ ...IMP, video: {} }] }],
    ['imp[0].native.request must be a text', { ...REQUEST, imp: [{ ...IMP, native: { request: {} } }] }],
    [
      'The body must have 64 levels at most',
      JSON.stringify(REQUEST).replace('{}', `${'['.repeat(4e4)}${']'.repeat(4e4)}`),
    ],
    ['imp[0].bidfloor must be a number', { ...REQUEST, imp: [{ ...IMP, bidfloor: -1 }] }],
    ['imp[0].bidfloor must be a number', { ...REQUEST, imp: [{ ...IMP, bidfloor: '1' }] }],
    ['imp[0].bidfloorcur must be USD', { ...REQUEST, imp: [{ ...IMP, bidfloorcur: 'EUR' }] }],
    ['device.ip', { ...REQUEST, device: undefined }],
    ['device.ip', { ...REQUEST, device: { ...REQUEST.device, ip: '203.0.113' } }],
    ['device.geo.country', { ...REQUEST, device: { ip: '203.0.113.7' } }],
    ['device.geo.country', { ...REQUEST, device: { ip: '203.0.113.7', geo: { country: 'XYZ' } } }],
    ['tmax must be a whole number', { ...REQUEST, tmax: 0 }],
    ['tmax must be a whole number', { ...REQUEST, tmax: 5001 }],
    ['cur must be a list with USD', { ...REQUEST, cur: ['EUR'] }],
    ['a site or an app', { ...REQUEST, app: {} }],
    ['bcat must be a list of texts', { ...REQUEST, bcat: [1] }],
    ['user must be an object', { ...REQUEST, user: 7 }],
  ])('should refuse with 400 and "%s"', async (message, body) => {
    const counted = await requestsOf('supply1')
    const response = await post(body)
    expect(response.status).toBe(400)
    const { errors } = (await response.json()) as { errors: { message: string; extensions: { code: string } }[] }
    expect(errors[0]?.message).toContain(message)
    expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT')
    expect(await requestsOf('supply1')).toBe(counted)
  })

  it('should refuse other media types and methods', async () => {
    expect((await post(REQUEST, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await fetch(`${app.url}/openrtb2/auction`)).status).toBe(404)
  })
})
