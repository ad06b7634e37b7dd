import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Bidder } from '../../src/catalog/types.ts'
import { createDisposer } from '../../src/disposer.ts'
import { SMALL_CATALOG, startApp, type TestApp } from '../support/app.ts'
import { bidOn, startBidder } from '../support/bidder-server.ts'
import { execute } from '../support/graphql.ts'
import { bidderAt } from '../support/openrtb-bidders.ts'

const disposer = createDisposer()
let app: TestApp
let isBroken = false
const tagids: (string | undefined)[] = []

beforeAll(async () => {
  app = await startApp({ env: { NO_BID_PROBABILITY: '0', RATE_LIMIT_MAX: '1000' }, catalog: SMALL_CATALOG })
  disposer.add(() => app.dispose())
  const server = await startBidder((request, response) => {
    tagids.push(request.imp[0]?.tagid)
    if (isBroken) response.writeHead(500).end()
    else response.end(bidOn(request, { price: 7.123456 }))
  })
  disposer.add(() => server.dispose())
  giveEndpoint('acme', bidderAt(server.url))
  giveEndpoint('crane', bidderAt(server.url, { headers: { authorization: '${NOT_SET}' } }))
})
afterAll(() => disposer.dispose())

/** As the catalogue has a bidder that is asked over HTTP. */
function giveEndpoint(id: string, { http }: Bidder): void {
  Object.assign(app.services.catalog.current().bidders.get(id) as Bidder, { http })
}

async function run() {
  const { data } = await execute<{ runAuction: { winner: { id: string }; price: number; responses: object[] } }>(
    app.graphql,
    `mutation { runAuction(input: { supplyId: "supply1", ip: "203.0.113.7", country: "US", tmax: 2000 }) {
      ... on Auction { winner { id } price responses { bidderId outcome price } } } }`,
  )
  return data?.runAuction
}

async function health() {
  const { data } = await execute(app.graphql, '{ a: bidder(id: "acme") { health } b: bidder(id: "bolt") { health } }')
  return data
}

const readiness = async () => (await fetch(`${app.url}/readyz`)).json()

describe('bidders over HTTP beside simulated ones', () => {
  it('should meet in one auction, those that cannot be asked skipped', async () => {
    expect((await readiness()).dependencies).not.toHaveProperty('bidders')
    expect(await run()).toEqual({
      winner: { id: 'acme' },
      price: 7.123456,
      responses: [
        { bidderId: 'acme', outcome: 'WON', price: 7.123456 },
        { bidderId: 'bolt', outcome: 'LOST', price: expect.any(Number) },
        { bidderId: 'crane', outcome: 'SKIPPED', price: null },
      ],
    })
    expect(tagids).toEqual(['supply1'])
    expect(await health()).toEqual({ a: { health: 'CLOSED' }, b: { health: null } })
  })

  it('should leave the service ready though degraded where one fails, and sell to the others', async () => {
    isBroken = true
    for (let auction = 0; auction < 60; auction++)
      expect(await run()).toMatchObject({ winner: { id: expect.any(String) } })
    expect(tagids.length).toBeLessThan(60)
    expect((await run())?.responses[0]).toEqual({ bidderId: 'acme', outcome: 'SKIPPED', price: null })
    expect(await health()).toEqual({ a: { health: 'OPEN' }, b: { health: null } })
    const { status, dependencies } = await readiness()
    expect([status, dependencies.bidders]).toEqual([
      'degraded',
      {
        status: 'down',
        kind: 'openrtb',
        error: 'not asked, since they fail: acme; a variable of their headers is not set: crane',
        bidders: { acme: { health: 'OPEN', inFlight: 0, reservedMs: expect.any(Number) } },
      },
    ])
  })

  it('should ask again, and be ready, when it has recovered', async () => {
    isBroken = false
    await vi.waitFor(
      async () => {
        await run()
        expect(await health()).toMatchObject({ a: { health: 'CLOSED' } })
      },
      { timeout: 10_000, interval: 100 },
    )
    expect(await run()).toMatchObject({ winner: { id: 'acme' } })
    expect((await readiness()).dependencies.bidders.error).toBe('a variable of their headers is not set: crane')
  })
})
