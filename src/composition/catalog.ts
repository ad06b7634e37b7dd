import type { OpenRtbBidders } from '../bidders/openrtb/client.ts'
import { createCatalog } from '../catalog/catalog.ts'
import type { Catalog } from '../catalog/types.ts'
import type { Database } from '../db/database.ts'
import type { Logger } from '../log.ts'

export interface CatalogDependencies {
  readonly database: Database
  /** Told of the bidders that there are, with each new catalogue. */
  readonly retain: OpenRtbBidders['retain']
  readonly log: Logger
}

export interface OpenCatalog {
  readonly catalog: Catalog
  readonly state: Readonly<CatalogState>
}

export interface CatalogState {
  /** When the one in use was read, in milliseconds since 1970. */
  loadedAtMs: number
  /** Whether it could not be looked at the last time, so that it may be an old one. */
  isFailing: boolean
}

/** @throws where the catalogue cannot be loaded */
export async function openCatalog({ database, retain, log }: CatalogDependencies): Promise<OpenCatalog> {
  const { prisma, uses, embedded, connectionString } = database
  const state: CatalogState = { loadedAtMs: Date.now(), isFailing: false }
  const catalog = await createCatalog({
    prisma,
    uses,
    embedded,
    serverUrl: embedded ? undefined : connectionString,
    onChange: ({ revision, supplies, bidders }) => {
      state.loadedAtMs = Date.now()
      retain(bidders)
      log.info({ revision: Number(revision), supplies: supplies.size, bidders: bidders.size }, 'new catalogue')
    },
    onError: (error) => {
      state.isFailing = true
      log.warn({ err: error }, 'the catalogue cannot be refreshed: the last one stays in use')
    },
    onRecovery: () => {
      state.isFailing = false
      log.info('the catalogue can be refreshed again')
    },
  })
  return { catalog, state }
}
