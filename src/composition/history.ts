import type { Database } from '../db/database.ts'
import { createPostgresHistory } from '../history/postgres-history.ts'
import type { AuctionHistory } from '../history/types.ts'

/** Where the API and the commands read what was logged. */
export function openHistory({ prisma }: Pick<Database, 'prisma'>): AuctionHistory {
  return createPostgresHistory({ prisma, now: Date.now })
}
