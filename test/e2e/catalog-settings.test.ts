import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { dataOf } from '../support/graphql.ts'

const http = { endpoint: 'https://acme.example/rtb?seat=7', headers: { 'x-key': 'a secret' } }

let app: TestApp
beforeAll(async () => {
  app = await startApp({
    catalog: {
      bidders: { acme: { country: 'US', ...http }, bolt: { country: 'US' } },
      supplies: { news: { bidders: ['acme'], floor: 0.123456, auctionType: 'SECOND_PRICE' }, shop: ['acme', 'bolt'] },
    },
  })
})
afterAll(() => app?.dispose())

it('should tell how a supply sells and where a bidder is asked, wherever they are listed', async () => {
  const news = { id: 'news', floor: 0.123456, auctionType: 'SECOND_PRICE' }
  const shop = { id: 'shop', floor: 0, auctionType: 'FIRST_PRICE' }
  const acme = { id: 'acme', endpoint: http.endpoint }
  const bolt = { id: 'bolt', endpoint: null }

  const { supplies, bidder, bidders } = await dataOf<Record<string, unknown>>(
    app.graphql,
    `{
      supplies { nodes { id floor auctionType bidders { id endpoint } } }
      bidder(id: "acme") { id endpoint supplies { nodes { id floor auctionType } } }
      bidders { nodes { id endpoint } }
    }`,
  )

  expect(supplies).toEqual({
    nodes: [
      { ...news, bidders: [acme] },
      { ...shop, bidders: [acme, bolt] },
    ],
  })
  expect(bidder).toEqual({ ...acme, supplies: { nodes: [news, shop] } })
  expect(bidders).toEqual({ nodes: [acme, bolt] })
})
