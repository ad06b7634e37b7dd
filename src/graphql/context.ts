import type { IncomingMessage } from 'node:http'
import type { Caller } from '../access/types.ts'
import type { Asker } from '../asker.ts'
import type { Auctioneer } from '../auction/auctioneer.ts'
import type { OpenRtbBidders } from '../bidders/openrtb/client.ts'
import type { Catalog } from '../catalog/types.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'
import type { HistoryReader } from '../history/replica.ts'
import type { AuctionHistory } from '../history/types.ts'
import type { Confirmations } from '../notices/confirmations.ts'
import type { RateLimitPolicy } from '../rate-limit/types.ts'
import type { SoldOnce } from '../sold-once/sold-once.ts'
import type { StatsFeed } from '../stats/feed.ts'
import type { StatsStore } from '../stats/types.ts'
import type { Pace } from './pace.ts'

/** What resolvers use. */
export interface Services {
  readonly auctioneer: Auctioneer
  readonly soldOnce: SoldOnce
  /** What the auctioneer limits addresses to. */
  readonly rateLimitPolicy: RateLimitPolicy
  readonly catalog: Catalog
  readonly stats: StatsStore
  readonly feed: StatsFeed
  readonly readHistory: HistoryReader
  /** Undefined where auctions are not logged. */
  readonly confirmations: Confirmations | undefined
  readonly prisma: PrismaClient
  readonly openRtb: Pick<OpenRtbBidders, 'health'>
}

/** Where an operation came from. */
export interface Origin {
  readonly transport: 'http' | 'websocket'
  /**
   * The HTTP request as it arrived, with its headers and, under `socket`, the address and whether the client is still
   * there; of a WebSocket the request that opened it. Referred to, never copied: most operations read nothing of it.
   */
  readonly request: IncomingMessage
  /** Of a WebSocket: who its client said that it is, where API keys are asked for. */
  caller?: Caller
}

/** One operation's context, and who asked for it. Made anew for each operation, since Prisma's loaders keep their batches by it. */
export interface GraphQLContext extends Asker {
  readonly services: Services
  readonly origin: Origin
  /** Undefined where no API keys are asked for: then anybody may do all. */
  readonly caller: Caller | undefined
  /** When its request was here to its last byte, by `performance.now()`. */
  readonly receivedAt: number
  /** How long its auctions waited for bidders, in milliseconds; undefined where it held none. */
  biddersMs: number | undefined
  /** What the response says beside its data, such as a limit decided locally. */
  extensions?: Record<string, unknown>
  /** Where the operation is heavy: what spreads it over the event loop's turns. */
  pace?: Pace
}

/** The log as this operation reads it; the response says so where the primary was asked for what a replica should answer. */
export function historyOf(context: GraphQLContext): AuctionHistory {
  return context.services.readHistory(() => {
    context.extensions = { ...context.extensions, history: 'primary' }
  })
}
