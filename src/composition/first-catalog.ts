import { join } from 'node:path'
import type { CatalogData } from '../catalog/data-file.ts'
import { DEFAULT_SIZE, generateCatalog } from '../catalog/generate.ts'
import { loadIntoEmpty } from '../catalog/load.ts'
import { writeDataFile } from '../catalog/write-data-file.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { Logger } from '../log.ts'

export interface PrepareCatalogOptions {
  readonly config: Pick<Config, 'dataDir'>
  readonly database: Database
  /** What an empty database is given instead of a generated catalogue. */
  readonly firstCatalog?: CatalogData | undefined
  readonly log: Logger
}

/**
 * Makes sure that there is something to sell: an embedded database without supplies is given a generated catalogue,
 * which is also written to a file beside it; about an empty one on a server there is a warning.
 */
export async function prepareCatalog({ config, database, firstCatalog, log }: PrepareCatalogOptions): Promise<void> {
  if ((await database.prisma.supply.count()) > 0) return
  if (firstCatalog) {
    await loadIntoEmpty({ prisma: database.prisma, data: firstCatalog })
    return
  }
  if (!database.embedded) {
    log.warn('the catalogue is empty: load one with `auction load-data --input data.json`')
    return
  }
  const made = await giveFirstCatalog({ config, database })
  if (made !== undefined) log.info(`there was no catalogue: ${made}`)
}

/**
 * Gives a database without supplies a generated catalogue, which is also written to a file beside an embedded one.
 * @returns what was done; undefined where there are supplies
 */
export async function giveFirstCatalog(options: Omit<PrepareCatalogOptions, 'log'>): Promise<string | undefined> {
  const { config, database } = options
  const { embedded, prisma } = database
  if ((await prisma.supply.count()) > 0) return undefined
  const file = embedded ? join(config.dataDir, 'data.json') : undefined
  const data = generateCatalog({ ...DEFAULT_SIZE, seed: SEED })
  if (file !== undefined) await writeDataFile(file, data, true)
  // Another process may have been quicker since.
  if ((await loadIntoEmpty({ prisma, data })) === undefined) return undefined
  return `generated ${file ?? 'one'} (${DEFAULT_SIZE.supplies} supplies, ${DEFAULT_SIZE.bidders} bidders) and loaded it`
}

/** Always the same, so that examples name supplies that are there. */
const SEED = 1
