import type { CatalogSnapshot } from '../catalog/types.ts'

/** One tab of GraphiQL. */
export interface ExampleTab {
  readonly query: string
  readonly variables?: string
}

/** A request that the catalogue can serve: its first supply, in the country where most bidders buy from it. */
export function exampleRequest({ supplies }: CatalogSnapshot): { supplyId: string; ip: string; country: string } {
  const [supply] = supplies.values()
  const [country] = [...(supply?.biddersByCountry ?? [])].sort(([, a], [, b]) => b.length - a.length)[0] ?? ['US']
  return { supplyId: supply?.id ?? 'supply1', ip: '203.0.113.7', country }
}

/** GraphiQL's tabs on a first visit. */
export function exampleTabs(catalog: CatalogSnapshot): ExampleTab[] {
  const variables = JSON.stringify({ input: { ...exampleRequest(catalog), tmax: 200 } }, null, 2)
  return [{ query: LIVE_STATISTICS }, { query: RUN_AUCTION, variables }, { query: SUPPLIES }, { query: STATISTICS }]
}

const LIVE_STATISTICS = `# Live statistics: press play, then run auctions in the next tab and watch this one.
subscription LiveStatistics {
  statsUpdated {
    supplyId
    totalRequests
    requestsPerCountry { country requests }
    bidders { bidderId wins losses noBids timeouts totalRevenue }
  }
}
`

const RUN_AUCTION = `# Sells one impression. Each IP address may do so three times a minute: change ip to go on.
# The tab "Supplies" lists what can be named here.
mutation RunAuction($input: RunAuctionInput!) {
  runAuction(input: $input) {
    __typename
    ... on Auction {
      id
      winner { id country }
      price
      durationMs
      responses { bidderId outcome price latencyMs }
    }
    ... on NoBidsError {
      message
      responses { bidderId outcome latencyMs }
    }
    ... on Error { message }
  }
}
`

const SUPPLIES = `# What can be sold, and to whom.
query Supplies {
  supplies(first: 20) {
    totalCount
    nodes {
      id
      bidders { id country }
    }
  }
}
`

const STATISTICS = `# The statistics of every supply that has had a request.
query Statistics {
  stats {
    supplyId
    totalRequests
    requestsPerCountry { country requests }
    bidders { bidderId wins losses noBids timeouts totalRevenue }
  }
}
`
