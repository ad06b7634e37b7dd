import { execute, openWebSocket } from './graphql.ts'

/** Counters by name, such as `supply1 bidder1 WON`, in whole numbers; revenue in millionths. */
export type Counters = Map<string, number>

/** Everything that the service has counted, in the same form, from its `stats` query. */
export async function readCounters(graphqlUrl: string): Promise<Counters> {
  const query = `{ stats {
    supplyId totalRequests
    requestsPerCountry { country requests }
    bidders { bidderId wins losses noBids timeouts errors skipped totalRevenue }
  } }`
  interface Stats {
    supplyId: string
    totalRequests: number
    requestsPerCountry: { country: string; requests: number }[]
    bidders: {
      bidderId: string
      wins: number
      losses: number
      noBids: number
      timeouts: number
      errors: number
      skipped: number
      totalRevenue: number
    }[]
  }
  const { data, errors } = await execute<{ stats: Stats[] }>(graphqlUrl, query)
  if (!data) throw new Error(`The statistics cannot be read: ${JSON.stringify(errors)}`)
  const counters: Counters = new Map()
  for (const { supplyId, totalRequests, requestsPerCountry, bidders } of data.stats) {
    add(counters, `${supplyId} total`, totalRequests)
    for (const { country, requests } of requestsPerCountry) add(counters, `${supplyId} country ${country}`, requests)
    for (const { bidderId, wins, losses, noBids, timeouts, errors, skipped, totalRevenue } of bidders) {
      const counts = { WON: wins, LOST: losses, NO_BID: noBids, TIMED_OUT: timeouts, ERROR: errors, SKIPPED: skipped }
      for (const [outcome, count] of Object.entries(counts)) add(counters, `${supplyId} ${bidderId} ${outcome}`, count)
      add(counters, `${supplyId} ${bidderId} revenue`, Math.round(totalRevenue * 1e6))
    }
  }
  for (const [name, count] of counters) if (count === 0) counters.delete(name)
  return counters
}

/** The differences of two sets of counters, those that differ alone: `counted - acknowledged`. */
export function excessOf(counted: Counters, acknowledged: Counters): Counters {
  const excess: Counters = new Map()
  for (const name of new Set([...counted.keys(), ...acknowledged.keys()])) {
    const difference = (counted.get(name) ?? 0) - (acknowledged.get(name) ?? 0)
    if (difference !== 0) excess.set(name, difference)
  }
  return excess
}

/** Adds to a counter. */
export function add(counters: Counters, name: string, amount = 1): void {
  counters.set(name, (counters.get(name) ?? 0) + amount)
}

/** A subscription to live statistics over WebSocket. */
export interface StatsWatcher {
  /** The newest value of each supply, by its id. */
  readonly newest: ReadonlyMap<string, { readonly totalRequests: number; readonly receivedAt: number }>
  /** All supplies' requests in the newest values. */
  total(): number
  /** How the subscription ended; undefined while it goes on. */
  ended(): 'failed' | 'completed' | undefined
  /** The WebSocket's close code; undefined while it is open. */
  closeCode(): number | undefined
  dispose(): Promise<void>
}

/** Watches the supplies named, or all. */
export function watchStats(
  graphqlUrl: string,
  { supplyIds, minIntervalMs = 50 }: { readonly supplyIds?: readonly string[]; readonly minIntervalMs?: number } = {},
): StatsWatcher {
  const client = openWebSocket(graphqlUrl)
  const newest = new Map<string, { totalRequests: number; receivedAt: number }>()
  let ended: 'failed' | 'completed' | undefined
  let closeCode: number | undefined
  client.on('closed', (event) => {
    closeCode = (event as { code: number }).code
  })
  client.subscribe<{ statsUpdated: { supplyId: string; totalRequests: number } }>(
    {
      query: `subscription ($supplyIds: [ID!], $minIntervalMs: Int!) {
        statsUpdated(supplyIds: $supplyIds, minIntervalMs: $minIntervalMs) { supplyId totalRequests }
      }`,
      variables: { supplyIds, minIntervalMs },
    },
    {
      next: ({ data }) => {
        if (data) newest.set(data.statsUpdated.supplyId, { ...data.statsUpdated, receivedAt: performance.now() })
      },
      error: () => {
        ended = 'failed'
      },
      complete: () => {
        ended = 'completed'
      },
    },
  )
  return {
    newest,
    total: () => [...newest.values()].reduce((sum, { totalRequests }) => sum + totalRequests, 0),
    ended: () => ended,
    closeCode: () => closeCode,
    dispose: async () => client.dispose(),
  }
}
