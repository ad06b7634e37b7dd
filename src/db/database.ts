import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'
import { createPool, createPrismaClient, type PrismaClientOptions, QUERY_TIMEOUT_MS } from './client.ts'
import { DatabaseError } from './database-error.ts'
import { openEmbedded } from './embedded/embedded.ts'
import { assertMigrated, migrateUp } from './migrations.ts'

export { SERVE_COMMAND } from './embedded/embedded.ts'

export const MAX_CONNECTIONS = 10
/** The embedded database answers one client at a time, so a second connection is only there to wait beside the first. */
export const EMBEDDED_MAX_CONNECTIONS = 2
/** Queries of the embedded database wait for another process's transaction to end, in milliseconds. */
export const EMBEDDED_QUERY_TIMEOUT_MS = 30_000

/** How long connections may take to be given back, in milliseconds. */
const DISCONNECT_TIMEOUT_MS = 2_000

export interface Postgres {
  readonly connectionString: string
  /** PGlite in the data folder, in this process or another one, rather than a server. */
  readonly embedded: boolean
  /**
   * Where it can be told at no cost, a number that grows by one with each statement or transaction of whichever process:
   * where it stands still, nothing was changed.
   */
  readonly uses: (() => number) | undefined
  /** Why an embedded database of this process cannot be used at the moment; undefined where all is well. */
  problem(): Promise<string | undefined>
  dispose(): Promise<void>
}

export interface Database extends Postgres {
  readonly prisma: PrismaClient
  /** How many connections its client has, how many of them do nothing, and how many queries wait for one. */
  readonly pool: { readonly totalCount: number; readonly idleCount: number; readonly waitingCount: number }
  /** Asks the database for an answer, and whether its tables are there. Rejects within 2 s where a server gives none. */
  ping(): Promise<void>
}

export interface OpenOptions {
  /**
   * What this process runs, for those who find the embedded database in use: such as `auction load-data`, which goes
   * through the process that holds it, if there is one. `SERVE_COMMAND` insists on holding it itself.
   */
  readonly command: string
  /** How long a statement may take, in milliseconds, where that is to be more than usual. */
  readonly queryTimeoutMs?: number
}

type DatabaseConfig = Pick<Config, 'databaseUrl' | 'dataDir'>

/**
 * The PostgreSQL that the configuration names: a server, or the embedded one, which is started where no other process
 * has done so.
 * @throws DatabaseError DATA_DIR_UNUSABLE, DATA_DIR_IN_USE
 */
export async function openPostgres(config: DatabaseConfig, options: OpenOptions): Promise<Postgres> {
  if (config.databaseUrl !== undefined) {
    const connectionString = config.databaseUrl
    const problem = async () => undefined
    return { connectionString, embedded: false, uses: undefined, problem, async dispose() {} }
  }
  return { ...(await openEmbedded({ dataDir: config.dataDir, command: options.command })), embedded: true }
}

/**
 * Opens the database with a Prisma client, and sees that it answers and has its tables: the embedded one is migrated
 * here, a server's is not, since that is for whoever deploys to decide.
 * @throws DatabaseError DATA_DIR_UNUSABLE, DATA_DIR_IN_USE, DATABASE_UNREACHABLE, MIGRATION_…
 */
export async function openDatabase(config: DatabaseConfig, options: OpenOptions): Promise<Database> {
  const postgres = await openPostgres(config, options)
  const { connectionString, embedded, uses, problem } = postgres
  const clientOptions: PrismaClientOptions = {
    connectionString,
    maxConnections: embedded ? EMBEDDED_MAX_CONNECTIONS : MAX_CONNECTIONS,
    queryTimeoutMs: options.queryTimeoutMs ?? (embedded ? EMBEDDED_QUERY_TIMEOUT_MS : QUERY_TIMEOUT_MS),
  }
  const pool = createPool(clientOptions)
  const prisma = createPrismaClient(clientOptions, pool)
  async function ping(): Promise<void> {
    const reason = await problem()
    if (reason !== undefined) throw new DatabaseError('DATABASE_UNREACHABLE', reason)
    await prisma.$queryRaw`SELECT id FROM supplies LIMIT 1`
  }
  async function dispose(): Promise<void> {
    // A statement that goes on and on would keep its connection; the embedded database ends both.
    await Promise.race([prisma.$disconnect(), delay(DISCONNECT_TIMEOUT_MS, undefined, { ref: false })])
    await postgres.dispose()
  }
  try {
    await (embedded ? migrateUp({ connectionString }) : assertMigrated({ connectionString }))
  } catch (error) {
    await dispose()
    throw error
  }
  return { prisma, pool, connectionString, embedded, uses, problem, ping, dispose }
}
