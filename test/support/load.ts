import { Agent, request } from 'node:http'
import { add, type Counters } from './statistics.ts'

export interface LoadOptions {
  /** The instances' /graphql addresses; requests go to them in turn. Read anew for each request. */
  readonly targets: readonly string[]
  readonly concurrency: number
  /** How many auctions to run in all, or true while more are wanted. */
  readonly auctions: number | (() => boolean)
  readonly supplyIds: readonly string[]
  readonly countries: readonly string[]
  readonly tmax?: number
  /** Called with each auction that was answered. */
  readonly onAcknowledged?: (total: number) => void
}

export interface LoadResult {
  acknowledged: number
  /** What the acknowledged answers add up to. */
  readonly counters: Counters
  /** GraphQL errors by code. */
  readonly errors: Map<string, number>
  /** Requests without an answer: the connection broke, or could not be made. */
  unanswered: number
  readonly latenciesMs: number[]
}

const RUN_AUCTION = `mutation ($input: RunAuctionInput!) {
  runAuction(input: $input) {
    __typename
    ... on Auction { supplyId winner { id } price responses { bidderId outcome price } }
    ... on NoBidsError { responses { bidderId outcome price } }
  }
}`

const REQUEST_TIMEOUT_MS = 30_000
let addresses = 0

/** Another IPv4 address each time, so that the rate limit is not met. */
export function nextAddress(): string {
  addresses += 1
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
}

interface BidderResponse {
  readonly bidderId: string
  readonly outcome: string
  readonly price: number | null
}

interface Answer {
  readonly data?: { readonly runAuction: { readonly __typename: string; readonly responses?: BidderResponse[] } | null }
  readonly errors?: { readonly extensions?: { readonly code?: string } }[]
}

/** Runs auctions from ever new addresses, `concurrency` at a time, and adds up what was answered. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { concurrency, auctions, supplyIds, countries, onAcknowledged } = options
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  const result: LoadResult = { acknowledged: 0, counters: new Map(), errors: new Map(), unanswered: 0, latenciesMs: [] }
  let started = 0
  const wantsMore = () => (typeof auctions === 'number' ? started < auctions : auctions())

  async function work(): Promise<void> {
    while (wantsMore()) {
      const index = started
      started += 1
      const supplyId = pick(supplyIds, index)
      // A different stride, so that every supply meets every country.
      const country = pick(countries, Math.floor(index / supplyIds.length))
      const input = { supplyId, country, ip: nextAddress(), tmax: options.tmax ?? 100 }
      const sentAt = performance.now()
      const answer = await post(agent, pick(options.targets, index), { query: RUN_AUCTION, variables: { input } })
      if (answer === undefined) {
        result.unanswered += 1
        continue
      }
      result.latenciesMs.push(performance.now() - sentAt)
      const auction = answer.data?.runAuction
      if (!auction) {
        add(result.errors, answer.errors?.[0]?.extensions?.code ?? 'no code')
        continue
      }
      result.acknowledged += 1
      countAuction(result.counters, supplyId, country, auction.responses ?? [])
      onAcknowledged?.(result.acknowledged)
    }
  }

  await Promise.all(Array.from({ length: concurrency }, work))
  agent.destroy()
  return result
}

function countAuction(
  counters: Counters,
  supplyId: string,
  country: string,
  responses: readonly BidderResponse[],
): void {
  add(counters, `${supplyId} total`)
  add(counters, `${supplyId} country ${country}`)
  for (const { bidderId, outcome, price } of responses) {
    add(counters, `${supplyId} ${bidderId} ${outcome}`)
    if (outcome === 'WON') add(counters, `${supplyId} ${bidderId} revenue`, Math.round((price ?? 0) * 100))
  }
}

/** The value below which that share of the values is. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function pick<T>(list: readonly T[], index: number): T {
  return list[index % list.length] as T
}

/** Posts over a connection that is kept. undefined where no whole answer came. */
function post(agent: Agent, url: string, payload: unknown): Promise<Answer | undefined> {
  const body = JSON.stringify(payload)
  return new Promise((resolve) => {
    const sent = request(url, {
      agent,
      method: 'POST',
      timeout: REQUEST_TIMEOUT_MS,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer')))
    sent.on('error', () => resolve(undefined))
    sent.on('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', () => resolve(undefined))
      response.on('end', () => resolve(parse(Buffer.concat(parts).toString())))
    })
    sent.end(body)
  })
}

function parse(text: string): Answer | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
