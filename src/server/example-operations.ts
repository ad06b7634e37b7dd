import type { CatalogSnapshot } from '../catalog/types.ts'

/** One tab of GraphiQL. */
export interface ExampleTab {
  readonly query: string
}

export interface ExampleRequest {
  readonly supplyId: string
  readonly ip: string
  readonly country: string
}

/** A request that tells nothing of any catalogue. */
export const REQUEST: ExampleRequest = { supplyId: 'supply1', ip: '203.0.113.7', country: 'US' }

/** A request that the catalogue can serve: its first supply, in the country where most bidders buy from it. */
export function exampleRequest(catalog: CatalogSnapshot): ExampleRequest {
  const [supplyId = REQUEST.supplyId] = catalog.supplies.keys()
  const countries = new Map<string, number>()
  for (const { country } of catalog.biddersOf(supplyId) ?? []) countries.set(country, (countries.get(country) ?? 0) + 1)
  const [country] = [...countries].sort(([, a], [, b]) => b - a)[0] ?? [REQUEST.country]
  return { ...REQUEST, supplyId, country }
}

/** GraphiQL's tabs on a first visit. */
export function exampleTabs(request: ExampleRequest): ExampleTab[] {
  return [runAuction(request), LIVE_STATISTICS, SUPPLIES, STATISTICS].map((query) => ({ query }))
}

/** A GraphQL string that is safe within a page's script. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll('<', '\\u003c')
}

/** The input is in the text, where it is seen and changed at once. */
function runAuction({ supplyId, ip, country }: ExampleRequest): string {
  return `# Sells one impression: press play. One IP address may
# do so three times a minute: change it to go on.
mutation RunAuction {
  runAuction(
    input: {
      supplyId: ${quote(supplyId)}
      ip: ${JSON.stringify(ip)}
      country: ${JSON.stringify(country)}
      tmax: 200
    }
  ) {
    __typename
    ... on Auction {
      id
      winner { id country }
      price
      durationMs
      responses { bidderId outcome reason price latencyMs }
    }
    ... on NoBidsError {
      message
      responses { bidderId outcome reason latencyMs }
    }
    ... on Error { message }
  }
}
`
}

const LIVE_STATISTICS = `# Live statistics. Press play and leave this window
# as it is: run auctions in a second one, and watch.
subscription LiveStatistics {
  statsUpdated {
    supplyId
    totalRequests
    requestsPerCountry { country requests }
    bidders {
      bidderId wins losses noBids timeouts errors skipped
      totalRevenue
    }
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

const STATISTICS = `# The statistics of every supply that has had
# a request.
query Statistics {
  stats {
    supplyId
    totalRequests
    requestsPerCountry { country requests }
    bidders {
      bidderId wins losses noBids timeouts errors skipped
      totalRevenue
    }
  }
}
`
