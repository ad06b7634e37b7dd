import type { Variables } from '../../catalog/header-variables.ts'
import type { Bidder, BidderHttp } from '../../catalog/types.ts'
import { skipped } from '../response.ts'
import type { BidderClient } from '../types.ts'
import { type BidRequestsOptions, createBidRequests } from './bid-request.ts'
import type { CircuitState } from './circuit-breaker.ts'
import { createEndpoint, type Endpoint, type EndpointStatus } from './endpoint.ts'
import { resolveHeaders } from './headers.ts'
import { createOwnDelay, type OwnDelay } from './own-delay.ts'
import { createAnswerReader } from './read-answer.ts'

/** Bidders that are asked over HTTP, in OpenRTB 2.6. */
export interface OpenRtbBidders extends BidderClient {
  /** Null for a bidder that is not asked over HTTP; one that was never asked is well. */
  health(bidder: Bidder): CircuitState | null
  status(): OpenRtbStatus
  /** Closes the connections to bidders that are not among these, or not as they were. */
  retain(bidders: ReadonlyMap<string, Bidder>): void
  dispose(): Promise<void>
}

export interface OpenRtbStatus {
  /** By id, of bidders that were asked. */
  readonly bidders: ReadonlyMap<string, EndpointStatus>
  /** Bidders that cannot be asked, by ids: variables that their headers name are not set or cannot be sent, or their endpoint is no URL. */
  readonly notConfigured: readonly string[]
}

export interface OpenRtbOptions extends BidRequestsOptions {
  /** What `${NAME}` in a header stands for. */
  readonly env: Variables
  /** Milliseconds, as deadlines are. */
  readonly now: () => number
  /** Told once for each change. */
  readonly onHealthChange: (bidderId: string, health: CircuitState) => void
  /** Told once for each bidder, with the end of a sentence that says what is wrong and what to do. */
  readonly onNotConfigured: (bidderId: string, problem: string) => void
}

/** Connections are opened when a bidder is first asked. */
export function createOpenRtbBidders(options: OpenRtbOptions): OpenRtbBidders {
  const { env, now, onHealthChange, onNotConfigured } = options
  const bodyOf = createBidRequests(options)
  const read = createAnswerReader()
  const endpoints = new Map<string, { readonly endpoint: Endpoint; http: BidderHttp }>()
  const notConfigured = new Map<string, BidderHttp>()
  let ownDelay: OwnDelay | undefined
  const renewal = setInterval(renewAll, RENEW_MS).unref()

  return {
    bid(bidder, request, deadlineMs) {
      const endpoint = endpointOf(bidder)
      if (endpoint === undefined) return skipped(bidder.id, 'NOT_CONFIGURED')
      return endpoint.ask(request, bodyOf(request), deadlineMs)
    },
    health({ id, http }) {
      if (http === undefined) return null
      return endpoints.get(id)?.endpoint.status().health ?? 'CLOSED'
    },
    status: () => ({
      bidders: new Map([...endpoints].map(([id, { endpoint }]) => [id, endpoint.status()])),
      notConfigured: [...notConfigured.keys()],
    }),
    retain(bidders) {
      for (const [id, { http }] of endpoints) if (!isSame(bidders.get(id)?.http, http)) remove(id)
      for (const [id, http] of notConfigured) if (!isSame(bidders.get(id)?.http, http)) notConfigured.delete(id)
    },
    async dispose() {
      clearInterval(renewal)
      ownDelay?.dispose()
      const closing = [...endpoints.values()].map(({ endpoint }) => endpoint.destroy())
      endpoints.clear()
      await Promise.all(closing)
    },
  }

  /** Undefined where it cannot be asked as it is. */
  function endpointOf(bidder: Bidder): Endpoint | undefined {
    const { id, http } = bidder
    const known = endpoints.get(id)
    if (known?.http === http) return known?.endpoint
    if (http === undefined) return undefined
    // A catalogue that was read anew has another object of the same content.
    if (known !== undefined && isSame(known.http, http)) {
      known.http = http
      return known.endpoint
    }
    if (notConfigured.get(id) === http) return undefined
    if (isSame(notConfigured.get(id), http)) {
      notConfigured.set(id, http)
      return undefined
    }
    remove(id)
    return open({ ...bidder, http })
  }

  function open(bidder: Bidder & { readonly http: BidderHttp }): Endpoint | undefined {
    const { id, http } = bidder
    const resolved = resolveHeaders(http, env)
    if ('problem' in resolved) return leave(id, http, resolved.problem)
    // The catalogue's loader has seen to it; SQL by hand has not.
    if (!isHttpUrl(http.endpoint)) return leave(id, http, 'its endpoint is no URL of http or https: load it anew')
    ownDelay ??= createOwnDelay(now)
    const endpoint = createEndpoint({
      bidder,
      headers: resolved.headers,
      read,
      now,
      ownDelayMs: ownDelay.ms,
      onHealthChange: (health) => onHealthChange(id, health),
    })
    endpoints.set(id, { endpoint, http })
    return endpoint
  }

  function leave(id: string, http: BidderHttp, problem: string): undefined {
    notConfigured.set(id, http)
    onNotConfigured(id, problem)
  }

  function remove(id: string): void {
    notConfigured.delete(id)
    const left = endpoints.get(id)
    endpoints.delete(id)
    // What is under way ends by itself.
    void left?.endpoint.close()
  }

  function renewAll(): void {
    for (const { endpoint } of endpoints.values()) void endpoint.renew()
  }
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

function isSame(one: BidderHttp | undefined, other: BidderHttp | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && JSON.stringify(one) === JSON.stringify(other))
}

/** How often names are looked up again, in milliseconds. */
const RENEW_MS = 30_000
