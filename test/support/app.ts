import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDataFile } from '../../src/catalog/data-file.ts'
import { loadCatalog } from '../../src/catalog/load.ts'
import { type App, createApp } from '../../src/composition/app.ts'
import { parseConfig } from '../../src/config.ts'
import { createLog, type Logger } from '../../src/log.ts'
import { makeMigratedDataDir } from './migrated-data-dir.ts'

/** A service in the test's own process, on the embedded default. */
export interface TestApp extends App {
  /** Where GraphQL is. */
  readonly graphql: string
}

/** A data file's content, as JSON. */
export interface TestCatalog {
  readonly supplies: Readonly<Record<string, readonly string[]>>
  readonly bidders: Readonly<Record<string, { readonly country: string }>>
}

/** Five supplies and six bidders of two countries; `lonely` has no bidder, `acme` buys from everyone. */
export const SMALL_CATALOG: TestCatalog = {
  supplies: {
    supply1: ['acme', 'bolt', 'crane', 'dune'],
    supply2: ['acme', 'bolt'],
    supply3: ['acme', 'dune', 'echo', 'foxtrot'],
    supply4: ['acme', 'bolt', 'crane', 'dune', 'echo', 'foxtrot'],
    lonely: [],
  },
  bidders: {
    acme: { country: 'US' },
    bolt: { country: 'US' },
    crane: { country: 'US' },
    dune: { country: 'GB' },
    echo: { country: 'GB' },
    foxtrot: { country: 'US' },
  },
}

export interface TestAppOptions {
  /** Environment variables over those of a quiet service whose bidders all bid, and at once. */
  readonly env?: Readonly<Record<string, string>>
  /** What is sold, as a data file has it; the generated catalogue where it is not given. */
  readonly catalog?: { readonly [section in keyof TestCatalog]: object }
  readonly log?: Logger
}

/** Starts a service with a data folder of its own, which is removed when it is disposed. */
export async function startApp({ env = {}, catalog, log }: TestAppOptions = {}): Promise<TestApp> {
  const folder = await mkdtemp(join(tmpdir(), 'auction-app-'))
  const removeFolder = () => rm(folder, { recursive: true, force: true })
  const config = parseConfig({
    PORT: '0',
    DATA_DIR: join(folder, 'data'),
    LOG_LEVEL: 'silent',
    SIMULATED_LATENCY_FACTOR: '0',
    // Bidders that abstain by chance would leave an auction unsold now and then.
    NO_BID_PROBABILITY: '0',
    SHUTDOWN_TIMEOUT_MS: '200',
    // What a busy machine delays is not shed.
    MAX_EVENT_LOOP_DELAY_MS: '0',
    ...env,
  })
  try {
    await makeMigratedDataDir(config.dataDir)
    const app = await createApp(config, { log: log ?? createLog(config.logLevel) })
    if (catalog) await replaceCatalog(app, catalog)
    return {
      ...app,
      graphql: `${app.url}/graphql`,
      dispose: () => app.dispose().finally(removeFolder),
    }
  } catch (error) {
    await removeFolder()
    throw error
  }
}

async function replaceCatalog({ services }: App, catalog: object): Promise<void> {
  const data = parseDataFile(JSON.stringify(catalog), 'catalog')
  await loadCatalog({ prisma: services.prisma, data, prune: true })
  await services.catalog.refresh()
}
