import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parseDataFile } from '../../src/catalog/data-file.ts'
import { loadCatalog } from '../../src/catalog/load.ts'
import { createDisposer } from '../../src/disposer.ts'
import type { OpenRtbBidRequest } from '../../src/openrtb/types.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { bidOn, startBidder } from '../support/bidder-server.ts'
import { execute } from '../support/graphql.ts'

const SITE = { domain: 'news.example', publisher: { id: 'p1' } }

const disposer = createDisposer()
let app: TestApp
let isBroken = false
const requests: OpenRtbBidRequest[] = []

beforeAll(async () => {
  app = await startApp({ env: { RATE_LIMIT_MAX: '1000' } })
  disposer.add(() => app.dispose())
  const server = await startBidder((request, response) => {
    requests.push(request)
    if (isBroken) response.writeHead(500).end()
    else response.end(bidOn(request, { price: 7.123456 }))
  })
  disposer.add(() => server.dispose())
  await load(server.url)
})
afterAll(() => disposer.dispose())

/** A catalogue of one supply: acme is asked over HTTP, crane cannot be, as the service lacks a variable. */
async function load(acme: string): Promise<void> {
  const catalog = {
    supplies: {
      supply1: { bidders: ['acme', 'bolt', 'crane'], floor: 0.01, site: SITE, blockedCategories: ['IAB25'] },
    },
    bidders: {
      acme: { country: 'US', endpoint: acme },
      bolt: { country: 'US' },
      crane: { country: 'US', endpoint: acme, headers: { authorization: '${NOT_SET_THERE}' } },
    },
  }
  const data = parseDataFile(JSON.stringify(catalog), 'catalog', { NOT_SET_THERE: 'x' })
  await loadCatalog({ prisma: app.services.prisma, data, prune: true })
  await app.services.catalog.refresh()
}

async function run() {
  const { data } = await execute<{ runAuction: { winner: { id: string }; price: number; responses: object[] } }>(
    app.graphql,
    `mutation { runAuction(input: { supplyId: "supply1", ip: "203.0.113.7", country: "US", tmax: 2000 }) {
      ... on Auction { winner { id } price responses { bidderId outcome price } } } }`,
  )
  return data?.runAuction
}

/** Each auction is sold; a while after the one that this ends with, the bidder is tried again. */
async function runUntilSkipped(): Promise<void> {
  for (;;) {
    const auction = await run()
    expect(auction).toMatchObject({ winner: { id: expect.any(String) } })
    const [acme] = auction?.responses ?? []
    if (acme && 'outcome' in acme && acme.outcome === 'SKIPPED') return
    expect(acme).toEqual({ bidderId: 'acme', outcome: 'ERROR', price: null })
  }
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
    expect(requests).toMatchObject([
      { imp: [{ tagid: 'supply1', bidfloor: 0.01 }], site: SITE, bcat: ['IAB25'], at: 1 },
    ])
    expect(await health()).toEqual({ a: { health: 'CLOSED' }, b: { health: null } })
  })

  it('should leave the service ready though degraded where one fails, and sell to the others', async () => {
    isBroken = true
    await runUntilSkipped()
    expect(requests.length).toBeLessThan(60)
    expect(await health()).toEqual({ a: { health: 'OPEN' }, b: { health: null } })
    const { status, dependencies } = await readiness()
    expect([status, dependencies.bidders]).toEqual([
      'degraded',
      {
        status: 'down',
        kind: 'openrtb',
        error: 'not asked, since they fail: acme; not asked, since they are not configured as the log says: crane',
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
      { interval: 100 },
    )
    expect(await run()).toMatchObject({ winner: { id: 'acme' } })
    expect((await readiness()).dependencies.bidders.error).toBe(
      'not asked, since they are not configured as the log says: crane',
    )
  })

  it('should ask a bidder where the catalogue says now, and forget how it was elsewhere', async () => {
    const elsewhere = await startBidder((request, response) => response.end(bidOn(request, { price: 8 })))
    disposer.add(() => elsewhere.dispose())
    isBroken = true
    await runUntilSkipped()
    expect(await health()).toMatchObject({ a: { health: 'OPEN' } })
    await load(elsewhere.url)
    expect(await health()).toMatchObject({ a: { health: 'CLOSED' } })
    expect(await run()).toMatchObject({ winner: { id: 'acme' }, price: 8 })
  })
})
