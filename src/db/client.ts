import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
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

/** Connections of a Prisma client, which fail, rather than wait, where PostgreSQL does not answer. None until it is first used. */
export function createPool(options: PrismaClientOptions): pg.Pool {
  const { connectionString, maxConnections, queryTimeoutMs = QUERY_TIMEOUT_MS } = options
  return new pg.Pool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: queryTimeoutMs,
    // The server gives up as well, so that abandoned statements do not pile up there.
    statement_timeout: queryTimeoutMs,
    keepAlive: true,
    application_name: 'auction',
  })
}

/** A Prisma client. When it disconnects, its connections are closed. */
export function createPrismaClient(options: PrismaClientOptions, pool = createPool(options)): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) })
}

/** A connection of one's own, not yet open, for what Prisma cannot do, such as a COPY. One that is lost fails the query under way. */
export function createPgClient(connectionString: string, statementTimeoutMs: number): pg.Client {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // Not pg's query_timeout: its timer outlives a COPY, and fails the stream when that has long ended.
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
    application_name: 'auction',
  })
  client.on('error', () => {})
  return client
}
