import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { ArchiveError } from '../history/archive/archive-error.ts'
import { createArchiveReader } from '../history/archive/archive-reader.ts'
import { createPostgresHistory } from '../history/postgres-history.ts'
import type { AuctionHistory } from '../history/types.ts'
import { withArchive } from '../history/with-archive.ts'

export interface HistoryDependencies {
  readonly config: Pick<Config, 'archiveDir'>
  readonly database: Pick<Database, 'prisma'>
  /** Told which file of the archive cannot be read, beside whoever asked for it. */
  readonly onArchiveError?: (error: ArchiveError) => void
}

/** Where the API and the commands read what was logged: the database, and the archive's files where there is one. */
export function openHistory({ config, database, onArchiveError = () => {} }: HistoryDependencies): AuctionHistory {
  const history = createPostgresHistory({ prisma: database.prisma, now: Date.now })
  if (config.archiveDir === undefined) return history
  const archive = createArchiveReader({ directory: config.archiveDir, now: Date.now, onError: onArchiveError })
  return withArchive(history, archive)
}
