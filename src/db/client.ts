import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../generated/prisma/client.ts'

/** How long a connection may take to open, or to become free in the pool, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 1_500
/** How long a statement may take, in milliseconds: with the above, a database that is gone shows within 2 s. */
export const QUERY_TIMEOUT_MS = 1_900

export interface PrismaClientOptions {
  readonly connectionString: string
  readonly maxConnections: number
  /** For work that may take its time, such as loading a large catalogue. */
  readonly queryTimeoutMs?: number
}

/** A Prisma client that fails, rather than waits, where PostgreSQL does not answer. Connects when it is first used. */
export function createPrismaClient(options: PrismaClientOptions): PrismaClient {
  const { connectionString, maxConnections, queryTimeoutMs = QUERY_TIMEOUT_MS } = options
  const adapter = new PrismaPg({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: queryTimeoutMs,
    // The server gives up as well, so that abandoned statements do not pile up there.
    statement_timeout: queryTimeoutMs,
    keepAlive: true,
    application_name: 'auction',
  })
  return new PrismaClient({ adapter })
}
