import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { Behaviour } from '../../src/demand-partner/answer.ts'
import { type DemandPartner, type Notice, startDemandPartner } from '../../src/demand-partner/server.ts'
import type { OpenRtbBidResponse, OpenRtbImp } from '../../src/openrtb/types.ts'

const BEHAVIOUR: Behaviour = { name: 'acme', latencyMs: [0, 0], noBid: 0, errors: 0, price: [0.5, 4] }
const BANNER: OpenRtbImp = { id: '1', banner: { format: [{ w: 728, h: 90 }] } }

describe('startDemandPartner', () => {
  const partners: DemandPartner[] = []
  const notices: Notice[] = []
  afterEach(async () => {
    await Promise.all(partners.splice(0).map((partner) => partner.dispose()))
    notices.length = 0
  })

  async function start(change: Partial<Behaviour> = {}, seed = 1): Promise<DemandPartner> {
    const behaviour = { ...BEHAVIOUR, ...change }
    const onNotice = (notice: Notice) => void notices.push(notice)
    const partner = await startDemandPartner({ behaviour: () => behaviour, port: 0, host: '127.0.0.1', seed, onNotice })
    partners.push(partner)
    return partner
  }

  function ask({ endpoint }: DemandPartner, imp: readonly OpenRtbImp[] = [BANNER]): Promise<Response> {
    return fetch(endpoint, { method: 'POST', body: JSON.stringify({ id: 'auction1', imp }) })
  }

  async function bidsOf(response: Response) {
    const { id, cur, seatbid } = (await response.json()) as OpenRtbBidResponse
    expect([id, cur, seatbid?.[0]?.seat]).toEqual(['auction1', 'USD', 'acme'])
    return seatbid?.[0]?.bid ?? []
  }

  it('should bid within its prices on each impression, in its media type', async () => {
    const video = { id: '2', video: { mimes: ['video/mp4'] } }
    const native = { id: '3', native: { request: '{}' } }
    const response = await ask(await start(), [BANNER, video, native])
    expect(response.headers.get('x-openrtb-version')).toBe('2.6')
    const bids = await bidsOf(response)
    expect(bids.map(({ impid, mtype, w, h }) => [impid, mtype, w, h])).toEqual([
      ['1', 1, 728, 90],
      ['2', 2, undefined, undefined],
      ['3', 4, undefined, undefined],
    ])
    for (const { price } of bids) expect(price >= 0.5 && price <= 4).toBe(true)
    expect(bids.map(({ adm }) => adm?.slice(0, 6))).toEqual(['<a hre', '<VAST ', '{"ver"'])
  })

  it('should bid nothing under the floor, and nothing at all where it never bids', async () => {
    expect((await ask(await start({ price: [1, 1] }), [{ ...BANNER, bidfloor: 1.01 }])).status).toBe(204)
    expect((await ask(await start({ noBid: 1 }))).status).toBe(204)
  })

  it('should read what is compressed, and refuse what is no bid request', async () => {
    const { endpoint } = await start()
    const body = gzipSync(JSON.stringify({ id: 'auction1', imp: [BANNER] }))
    expect((await fetch(endpoint, { method: 'POST', headers: { 'content-encoding': 'gzip' }, body })).status).toBe(200)
    for (const wrong of ['', '{', '[]', '{"id":"1"}']) {
      expect((await fetch(endpoint, { method: 'POST', body: wrong })).status).toBe(400)
    }
  })

  it('should fail in each of three ways where it always fails', async () => {
    const partner = await start({ errors: 1 })
    const seen = new Set<string>()
    for (let request = 0; request < 40; request++) {
      seen.add(
        await ask(partner).then(
          async (response) => `${response.status} ${(await response.text()).slice(0, 6)}`,
          () => 'cut',
        ),
      )
    }
    expect([...seen].sort()).toEqual(['200 <html>', '500 ', 'cut'])
  })

  it('should answer the same from the same seed, and take the time it is to take', async () => {
    const replay = async (seed: number) => {
      const partner = await start({ noBid: 0.5 }, seed)
      const answers: string[] = []
      for (let request = 0; request < 20; request++) {
        const response = await ask(partner)
        answers.push(response.status === 204 ? 'none' : `${(await bidsOf(response))[0]?.price}`)
      }
      return answers
    }
    expect(await replay(7)).toEqual(await replay(7))
    expect(await replay(7)).not.toEqual(await replay(8))
    const startedAt = performance.now()
    await ask(await start({ latencyMs: [50, 60] }))
    expect(performance.now() - startedAt).toBeGreaterThan(49)
  })

  it('should tell of the notices that it asks for', async () => {
    const [bid] = await bidsOf(await ask(await start()))
    const url = (template = '') => template.replace('${AUCTION_ID}', 'a1').replace('${AUCTION_PRICE}', '1.234567')
    await fetch(url(bid?.nurl))
    await fetch(url(bid?.burl))
    expect(notices).toEqual([
      { kind: 'win', parameters: { auction: 'a1', price: '1.234567' } },
      { kind: 'billing', parameters: { auction: 'a1', price: '1.234567' } },
    ])
    expect(bid?.lurl).toContain('${AUCTION_LOSS}')
  })
})
