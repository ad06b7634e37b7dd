import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

/** What a service answered over HTTP. */
export interface GraphQLAnswer<T> {
  readonly status: number
  readonly data?: T | null
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[]
  readonly extensions?: Record<string, unknown>
}

/** Runs a query or mutation over HTTP. */
export async function postGraphQL<T>(url: string, query: string, variables = {}): Promise<GraphQLAnswer<T>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  return { status: response.status, ...((await response.json()) as object) }
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
  webSocketUrl: string,
  { supplyIds, minIntervalMs = 50 }: { readonly supplyIds?: readonly string[]; readonly minIntervalMs?: number } = {},
): StatsWatcher {
  const client = createClient({ url: webSocketUrl, webSocketImpl: WebSocket, retryAttempts: 0, lazy: true })
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
