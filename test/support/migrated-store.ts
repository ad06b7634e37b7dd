import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { makeMigratedDataDir } from './migrated-data-dir.ts'
import { startPostgres } from './postgres-server.ts'
import { hasPostgres } from './services.ts'

/** A migrated database of a test's own, without rows. */
export interface Store {
  readonly prisma: PrismaClient
  readonly url: string
  dispose(): Promise<void>
}

/** What a test of a store of both kinds runs against. */
export const STORES = [
  { store: 'PostgreSQL', open: openServer, available: hasPostgres },
  { store: 'the embedded PostgreSQL', open: openEmbedded, available: true },
] as const

async function openServer(): Promise<Store> {
  const server = await startPostgres()
  await migrateUp({ connectionString: server.url })
  const database = await openDatabase({ databaseUrl: server.url, dataDir: '' }, { command: 'a test' })
  return {
    prisma: database.prisma,
    url: database.connectionString,
    async dispose() {
      await database.dispose()
      await server.dispose()
    },
  }
}

async function openEmbedded(): Promise<Store> {
  const dataDir = await mkdtemp(join(tmpdir(), 'store-'))
  await makeMigratedDataDir(dataDir)
  const database = await openDatabase({ databaseUrl: undefined, dataDir }, { command: 'a test' })
  return {
    prisma: database.prisma,
    url: database.connectionString,
    async dispose() {
      await database.dispose()
      await rm(dataDir, { recursive: true })
    },
  }
}
