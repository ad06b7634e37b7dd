import type { CatalogData } from '../../src/catalog/data-file.ts'
import { createPrismaClient } from '../../src/db/client.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { type PostgresServer, startPostgres } from './postgres-server.ts'

/** A PostgreSQL server of a test file's own whose database is migrated, for what concerns the catalogue. */
export interface CatalogServer extends PostgresServer {
  readonly prisma: PrismaClient
}

export async function startCatalogServer(): Promise<CatalogServer> {
  const server = await startPostgres()
  await migrateUp({ connectionString: server.url })
  const prisma = createPrismaClient({ connectionString: server.url, maxConnections: 4 })
  return {
    ...server,
    prisma,
    async dispose() {
      await prisma.$disconnect()
      await server.dispose()
    },
  }
}

/** A catalogue whose supplies all have the one bidder. */
export function catalogOf(...supplyIds: string[]): CatalogData {
  return dataOf(
    supplyIds.map((id) => [id, ['acme']]),
    [['acme', 'US']],
  )
}

/** A catalogue of simulated bidders, whose supplies sell by default. */
export function dataOf(
  supplies: Iterable<readonly [string, readonly string[]]>,
  bidders: Iterable<readonly [string, string]>,
): CatalogData {
  return { supplies: new Map(supplies), bidders: new Map(bidders), http: new Map(), settings: new Map() }
}

/** An interval that does not end within a test. */
export const A_LONG_TIME_MS = 3_600_000
