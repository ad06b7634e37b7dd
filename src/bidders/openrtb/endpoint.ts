import type { Bidder, BidderHttp } from '../../catalog/types.ts'
import { roundToHundredths } from '../../hundredths.ts'
import { traceHeaders } from '../../trace-context.ts'
import type { ReasonName } from '../reasons.ts'
import { skipped } from '../response.ts'
import type { BidderResponse, BidRequest } from '../types.ts'
import { type CircuitState, createCircuitBreaker, type Verdict } from './circuit-breaker.ts'
import { type Connections, createConnections } from './connections.ts'
import { exchange } from './exchange.ts'
import type { AnswerReader } from './read-answer.ts'
import type { RequestBody } from './request-body.ts'
import { createRequestRate } from './request-rate.ts'

/** A bidder that is asked over HTTP, with what is known of how it does. */
export interface Endpoint {
  ask(request: BidRequest, body: RequestBody, deadlineMs: number): BidderResponse | Promise<BidderResponse>
  status(): EndpointStatus
  /** Where it was asked since the last time, looks its name up again. */
  renew(): Promise<void>
  close: Connections['close']
  destroy: Connections['destroy']
}

export interface EndpointStatus {
  readonly health: CircuitState
  /** Bid requests under way, with those whose answer is late. */
  readonly inFlight: number
  /** What is kept back of the time that it is told: its network, and this process's own work. */
  readonly reservedMs: number
}

export interface EndpointOptions {
  readonly bidder: Bidder & { readonly http: BidderHttp }
  readonly headers: string[]
  readonly read: AnswerReader
  readonly now: () => number
  /** How long this process itself takes, in milliseconds. */
  readonly ownDelayMs: () => number
  readonly onHealthChange: (health: CircuitState) => void
  readonly connections?: Connections
}

export function createEndpoint(options: EndpointOptions): Endpoint {
  const { bidder, headers, read, now, ownDelayMs, onHealthChange } = options
  const { id, http } = bidder
  const { origin, pathname, search } = new URL(http.endpoint)
  const path = pathname + search
  const inFlightMax = http.maxInFlight ?? IN_FLIGHT_MAX
  const connections = options.connections ?? createConnections({ origin, max: inFlightMax, now })
  const breaker = createCircuitBreaker({ now, onChange: onHealthChange })
  const rate = createRequestRate(http.maxQps)
  let inFlight = 0
  let wasAsked = false
  /** How long it takes to answer, in milliseconds: a moving average of what came in time. */
  let usualMs = USUAL_MS_AT_FIRST
  /** The quickest answer, in milliseconds, which slower ones raise slowly. */
  let quickestMs = Number.POSITIVE_INFINITY
  /** Requests since the last good answer, without those that have failed, and when the first of them was sent. */
  let unanswered = 0
  let unansweredSinceMs = 0

  return {
    ask(request, body, deadlineMs) {
      wasAsked = true
      const nowMs = now()
      const waitMs = Math.min(deadlineMs - nowMs, http.timeoutMs ?? Number.POSITIVE_INFINITY)
      const toldMs = Math.floor(waitMs - Math.min(reservedMs(), request.tmaxMs / 2))
      if (toldMs < 1) return skipped(id, 'NO_TIME_LEFT')
      if (inFlight >= inFlightMax || isStuck(nowMs)) return skipped(id, 'IN_FLIGHT_EXCEEDED')
      const ticket = breaker.admit()
      if (ticket === 0) return skipped(id, 'CIRCUIT_OPEN')
      if (!rate.take(nowMs)) {
        breaker.settle(ticket, 'UNKNOWN')
        return skipped(id, 'QPS_EXCEEDED')
      }
      inFlight++
      if (unanswered++ === 0) unansweredSinceMs = nowMs
      const span = request.asker?.span
      return exchange({
        dispatcher: connections.pool(),
        bidderId: id,
        request: {
          path,
          method: 'POST',
          headers: span === undefined ? headers : [...headers, ...traceHeaders(span.spanContext())],
          body: http.gzip ? body.gzipped(toldMs) : body.plain(toldMs),
        },
        waitMs,
        now,
        read: (text, latencyMs) => read(text, id, request, latencyMs),
        onSettled: (response, overdueMs) => {
          const verdict = verdictOn(response, waitMs, overdueMs)
          unanswered = verdict === 'WELL' ? 0 : Math.max(0, unanswered - 1)
          breaker.settle(ticket, verdict)
        },
        onEnded,
      })
    },
    status: () => ({
      health: breaker.state(),
      inFlight,
      reservedMs: roundToHundredths(reservedMs()),
    }),
    async renew() {
      if (!wasAsked) return
      wasAsked = false
      await connections.renew()
    },
    close: connections.close,
    destroy: connections.destroy,
  }

  function onEnded(): void {
    inFlight--
  }

  /**
   * That nobody answers is known to the breaker once the first requests have timed out. Until then no more are sent than
   * it takes to open, where even the first has been waiting for longer than usual.
   */
  function isStuck(nowMs: number): boolean {
    return unanswered >= UNANSWERED_MAX && nowMs - unansweredSinceMs > 2 * Math.max(usualMs, USUAL_MS_AT_FIRST)
  }

  function reservedMs(): number {
    // Connections that were made when this process had much to do took longer than their way; an answer takes its way at least.
    return Math.min(connections.roundTripMs(), quickestMs) + ownDelayMs()
  }

  function verdictOn({ outcome, reason, latencyMs }: BidderResponse, waitMs: number, overdueMs: number): Verdict {
    if (outcome === 'TIMED_OUT') {
      // Its answer may have been here all the while: a pause of this process must not close all bidders at once.
      if (overdueMs > waitMs * OVERDUE_SHARE_MAX) return 'UNKNOWN'
      // Whoever is given less time than it takes has not failed: else one impatient publisher would close it to all others.
      return waitMs >= usualMs ? 'FAILED' : 'UNKNOWN'
    }
    if (outcome === 'ERROR' && !isAboutBid(reason)) return 'FAILED'
    if (latencyMs !== null) learn(latencyMs)
    return 'WELL'
  }

  function learn(latencyMs: number): void {
    usualMs += (latencyMs - usualMs) * WEIGHT
    quickestMs = latencyMs < quickestMs ? latencyMs : quickestMs + (latencyMs - quickestMs) * RISE
  }
}

/** Errors of a bidder that answers as it should, with a bid that this supply does not take. */
function isAboutBid(reason: ReasonName | undefined): boolean {
  return reason !== undefined && ABOUT_BID.has(reason)
}

const ABOUT_BID: ReadonlySet<ReasonName> = new Set([
  'MISSING_MARKUP',
  'ADVERTISER_BLOCKED',
  'CATEGORY_BLOCKED',
  'SIZE_NOT_ALLOWED',
  'MEDIA_TYPE_NOT_ALLOWED',
])
/** Bid requests at once to a bidder that names no number of its own. */
const IN_FLIGHT_MAX = 256
const USUAL_MS_AT_FIRST = 20
const UNANSWERED_MAX = 60
/** Of the time that a bidder has. */
const OVERDUE_SHARE_MAX = 1 / 4
/** Of the newest answer. */
const WEIGHT = 1 / 16
const RISE = 1 / 1024
