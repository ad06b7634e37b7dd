import { openHistory } from '../composition/history.ts'
import { parseConfig } from '../config.ts'
import { openDatabase } from '../db/database.ts'
import { isDatabaseUnavailable, unreachable } from '../db/unavailable.ts'
import type { AuctionHistory } from '../history/types.ts'

/** Reads the log for a command, also beside a service that has the embedded database open. */
export async function withHistory<T>(command: string, read: (history: AuctionHistory) => Promise<T>): Promise<T> {
  const config = parseConfig(process.env)
  const database = await openDatabase(config, { command })
  const { readHistory, dispose } = openHistory({ config, database })
  try {
    return await read(readHistory(() => {}))
  } catch (error) {
    throw isDatabaseUnavailable(error) ? unreachable(database.connectionString, error, database.embedded) : error
  } finally {
    await dispose()
    await database.dispose()
  }
}
