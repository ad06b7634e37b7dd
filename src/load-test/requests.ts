/** The variables of one `runAuction`. */
export interface RunAuctionInput {
  readonly supplyId: string
  readonly ip: string
  readonly country: string
  readonly tmax: number
}

/** What can be sold, and where it has bidders. */
export interface Target {
  readonly supplyId: string
  readonly country: string
}

export interface RequestsOptions {
  readonly targets: readonly Target[]
  /** In milliseconds, within TMAX_MS. */
  readonly tmaxMs: number
  /** The address of every request; undefined: a new one for each, so that the rate limit refuses none. */
  readonly ip?: string | undefined
  /** Where in 10.0.0.0/8 the addresses start, so that one run does not meet another's limits: 0 to 2^24 - 1. */
  readonly firstAddress?: number
}

/** Makes requests that go through the targets in turn. */
export function createRequests({ targets, tmaxMs, ip, firstAddress = 0 }: RequestsOptions): () => RunAuctionInput {
  let targetIndex = 0
  let address = firstAddress
  return () => {
    const { supplyId, country } = targets[targetIndex] as Target
    targetIndex = targetIndex + 1 === targets.length ? 0 : targetIndex + 1
    address = (address + 1) % ADDRESSES
    return { supplyId, ip: ip ?? privateAddress(address), country, tmax: tmaxMs }
  }
}

/** The body of a request over HTTP, and the payload of one over WebSocket. */
export function toGraphQLBody({ supplyId, ip, country, tmax }: RunAuctionInput): string {
  return `${BODY_START}{"supplyId":${JSON.stringify(supplyId)},"ip":"${ip}","country":"${country}","tmax":${tmax}}}}`
}

/** An address of 10.0.0.0/8, which RFC 1918 keeps out of the Internet. */
function privateAddress(index: number): string {
  return `10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}`
}

/** How many addresses 10.0.0.0/8 has. */
export const ADDRESSES = 2 ** 24

export const RUN_AUCTION = `mutation LoadTest($input: RunAuctionInput!) {
  runAuction(input: $input) {
    __typename
    ... on Auction {
      id supplyId country tmax winner { id country } price
      responses { bidderId outcome price latencyMs }
      startedAt durationMs
    }
    ... on NoBidsError { message responses { bidderId outcome price latencyMs } }
    ... on Error { message }
  }
}`

const BODY_START = `{"query":${JSON.stringify(RUN_AUCTION)},"variables":{"input":`
