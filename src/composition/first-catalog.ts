import { join } from 'node:path'
import { DEFAULT_SIZE, generateCatalog } from '../catalog/generate.ts'
import { loadCatalog } from '../catalog/load.ts'
import { writeDataFile } from '../catalog/write-data-file.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { Logger } from '../log.ts'

export interface PrepareCatalogOptions {
  readonly config: Pick<Config, 'dataDir'>
  readonly database: Database
  readonly log: Logger
}

/**
 * Makes sure that there is something to sell: an embedded database without supplies is given a generated catalogue,
 * which is also written to a file beside it; about an empty one on a server there is a warning.
 */
export async function prepareCatalog({ config, database, log }: PrepareCatalogOptions): Promise<void> {
  const { embedded, prisma } = database
  if ((await prisma.supply.count()) > 0) return
  if (!embedded) {
    log.warn('the catalogue is empty: load one with `auction load-data --input data.json`')
    return
  }
  const file = join(config.dataDir, 'data.json')
  const data = generateCatalog({ ...DEFAULT_SIZE, seed: SEED })
  await writeDataFile(file, data, true)
  await loadCatalog({ prisma, data })
  const { supplies, bidders } = DEFAULT_SIZE
  log.info(`there was no catalogue: generated ${file} (${supplies} supplies, ${bidders} bidders) and loaded it`)
}

/** Always the same, so that examples name supplies that are there. */
const SEED = 1
