import type { Config } from '../config.ts'
import { createPrismaClient } from '../db/client.ts'
import { type Database, MAX_CONNECTIONS } from '../db/database.ts'
import type { ArchiveError } from '../history/archive/archive-error.ts'
import { createArchiveReader } from '../history/archive/archive-reader.ts'
import { createPostgresHistory } from '../history/postgres-history.ts'
import { createReplicaReader, type HistoryReader } from '../history/replica.ts'
import { withArchive } from '../history/with-archive.ts'

export interface HistoryDependencies {
  readonly config: Pick<Config, 'archiveDir' | 'databaseReadUrl'>
  readonly database: Pick<Database, 'prisma'>
  /** Told which file of the archive cannot be read, beside whoever asked for it. */
  readonly onArchiveError?: (error: ArchiveError) => void
}

export interface OpenHistory {
  readonly readHistory: HistoryReader
  dispose(): Promise<void>
}

/** Where the API and the commands read what was logged: the database or its replica, and the archive's files where there is one. */
export function openHistory({ config, database, onArchiveError = () => {} }: HistoryDependencies): OpenHistory {
  const { readHistory, dispose } = openPostgresHistory(config, database)
  if (config.archiveDir === undefined) return { readHistory, dispose }
  const archive = createArchiveReader({ directory: config.archiveDir, now: Date.now, onError: onArchiveError })
  return { readHistory: (onPrimary) => withArchive(readHistory(onPrimary), archive), dispose }
}

function openPostgresHistory(
  { databaseReadUrl }: Pick<Config, 'databaseReadUrl'>,
  { prisma }: Pick<Database, 'prisma'>,
): OpenHistory {
  const primary = createPostgresHistory({ prisma, now: Date.now })
  if (databaseReadUrl === undefined) return { readHistory: () => primary, dispose: async () => {} }
  const client = createPrismaClient({ connectionString: databaseReadUrl, maxConnections: MAX_CONNECTIONS })
  const replica = createPostgresHistory({ prisma: client, now: Date.now })
  return {
    readHistory: createReplicaReader({ replica, primary, monotonic: () => performance.now() }),
    dispose: () => client.$disconnect(),
  }
}
