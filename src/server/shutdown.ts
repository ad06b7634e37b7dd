import type { Server } from 'node:http'
import { Server as TcpServer } from 'node:net'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import type { Config } from '../config.ts'
import type { Services } from '../graphql/context.ts'
import type { AuctionLogState } from '../history/types.ts'
import type { Logger } from '../log.ts'
import type { Health } from './health.ts'
import type { GraphQLWebSocket } from './websocket.ts'

export interface ShutdownDependencies {
  readonly config: Config
  readonly log: Logger
  readonly health: Health
  readonly http: Server
  readonly webSocket: GraphQLWebSocket
  readonly services: Pick<Services, 'auctioneer' | 'soldOnce' | 'feed' | 'stats'>
  readonly auctionLog: Pick<AuctionLogState, 'pending' | 'flush'> | undefined
}

export interface ShutdownReport {
  /** Requests whose counts could not be committed. */
  readonly lostCounts: number
  /** Auctions that could not be logged. */
  readonly unlogged: number
}

/**
 * Stops serving. For `shutdownGraceMs` everybody is served as before, while `/readyz` says 503, so that load balancers send
 * their next connections elsewhere. Then it accepts nothing new, answers what is in flight, completes subscriptions, commits
 * the counts, closes connections. What is not done by `shutdownTimeoutMs` is cut off, and the log says what was drained and
 * what was not.
 */
export async function shutDown(dependencies: ShutdownDependencies): Promise<ShutdownReport> {
  const { config, log, health, http, webSocket, services, auctionLog } = dependencies
  const { auctioneer, soldOnce, feed, stats } = services
  const auctionsInFlight = () => auctioneer.inFlight() + soldOnce.waiting()
  health.startShutdown()
  if (config.shutdownGraceMs > 0) await delay(config.shutdownGraceMs)
  const startedAt = performance.now()
  const deadline = startedAt + config.shutdownTimeoutMs
  const draining = {
    auctions: auctionsInFlight(),
    subscribers: feed.subscribers(),
    webSockets: webSocket.connections(),
    counts: stats.pending(),
    unlogged: auctionLog?.pending() ?? 0,
  }
  const closed = stopListening(http)
  // From here on each answer ends its connection.
  http.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'))
  await Promise.race([closed, delay(Math.min(IDLE_GRACE_MS, config.shutdownTimeoutMs), undefined, { ref: false })])
  http.closeIdleConnections()
  // A request that has not arrived in this time is answered with 408: its sender may have stopped in the middle of it.
  http.headersTimeout = http.requestTimeout = IDLE_GRACE_MS

  while (auctionsInFlight() > 0 && performance.now() < deadline) await delay(POLL_MS)
  await feed.dispose()
  // Subscribers are told that it is over by then, before their connection is.
  await nextTurn()
  await webSocket.dispose()
  // An answer that was begun before leaves its connection open.
  const closingIdle = setInterval(() => http.closeIdleConnections(), POLL_MS)
  await Promise.race([closed, delay(Math.max(0, deadline - performance.now()), undefined, { ref: false })])
  clearInterval(closingIdle)
  http.closeAllConnections()
  const flushMs = Math.max(MIN_FLUSH_MS, deadline - performance.now())
  const [uncommitted, unlogged] = await Promise.all([stats.flush(flushMs), auctionLog?.flush(flushMs) ?? 0])

  const left = { auctions: auctionsInFlight(), counts: uncommitted, unlogged }
  const report = { drained: draining, left, tookMs: Math.round(performance.now() - startedAt) }
  if (left.auctions > 0 || left.counts > 0 || left.unlogged > 0) log.error(report, 'stopped, with work left undone')
  else log.info(report, 'stopped')
  return { lostCounts: uncommitted, unlogged }
}

/**
 * Takes no new connection. Not by the HTTP server's own `close`, which also ends idle connections at once: a request that
 * a load balancer sends over one at that moment would get no answer, and an auction is no request to send again.
 */
function stopListening(http: Server): Promise<void> {
  return new Promise((resolve) => TcpServer.prototype.close.call(http, () => resolve()))
}

/**
 * How long idle connections may still bring a request, which is answered and ends them, and how long a request may take to
 * arrive, in milliseconds.
 */
const IDLE_GRACE_MS = 1000
const POLL_MS = 5
/** Counts get at least this long to be committed, in milliseconds. */
const MIN_FLUSH_MS = 500
