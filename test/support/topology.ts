import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, vi } from 'vitest'
import { parseDataFile } from '../../src/catalog/data-file.ts'
import { LOAD_TIMEOUT_MS } from '../../src/catalog/load.ts'
import { loadByCopy } from '../../src/catalog/load-by-copy.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import { createDisposer } from '../../src/disposer.ts'
import { type Instance, type InstanceEnv, runAuctionCommand } from './instance.ts'
import { type PostgresServer, startPostgres } from './postgres-server.ts'

/** What the tests of several instances sell: every supply to every bidder, of two countries. */
export const SUPPLY_IDS = ['news', 'sport', 'weather'] as const
export const COUNTRIES = ['US', 'GB'] as const
const BIDDERS = { acme: { country: 'US' }, bolt: { country: 'US' }, crux: { country: 'US' }, dune: { country: 'GB' } }

/** A catalogue in the data file's format. */
export interface DataFile {
  readonly supplies: Readonly<Record<string, readonly string[]>>
  readonly bidders: Readonly<Record<string, { readonly country: string; readonly endpoint?: string }>>
}

export const DATA: DataFile = {
  supplies: Object.fromEntries(SUPPLY_IDS.map((id) => [id, Object.keys(BIDDERS)])),
  bidders: BIDDERS,
}

let databases = 0

/**
 * Makes a database on a server; gives its URL. The server's end is its end.
 * @param templateUrl the database to copy, which nothing may be connected to; else it is empty
 */
export async function createDatabase(server: PostgresServer, templateUrl?: string): Promise<string> {
  databases += 1
  const name = `test${databases}`
  const template = templateUrl ? ` TEMPLATE ${new URL(templateUrl).pathname.slice(1)}` : ''
  const client = new pg.Client(server.url)
  await client.connect()
  try {
    await client.query(`CREATE DATABASE ${name}${template}`)
  } finally {
    await client.end()
  }
  const url = new URL(server.url)
  url.pathname = name
  return url.href
}

/** Brings a server's database up to date and loads the catalogue, as an operator's commands do. */
export async function prepareDatabase(connectionString: string, data: DataFile = DATA): Promise<void> {
  await migrateUp({ connectionString })
  const catalog = parseDataFile(JSON.stringify(data), 'catalog')
  await loadByCopy({
    serverUrl: connectionString,
    data: catalog,
    prune: false,
    onProgress: undefined,
    timeoutMs: LOAD_TIMEOUT_MS,
  })
}

/** A server of a test's own with one such database: the settings that name it. */
export async function openPreparedDatabase(bed: TestBed): Promise<InstanceEnv> {
  const postgres = await bed.own(startPostgres())
  const env = { DATABASE_URL: await createDatabase(postgres) }
  await prepareDatabase(env.DATABASE_URL)
  return env
}

/** Loads a catalogue in a process of its own. */
export async function loadData(env: InstanceEnv, data: DataFile): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'auction-data-'))
  try {
    const file = join(directory, 'data.json')
    await writeFile(file, JSON.stringify(data))
    await runAuctionCommand(['load-data', '--input', file], env)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** What a test opened, closed in one go, the newest first. */
export interface TestBed {
  /** Waits for a resource and remembers to dispose it. */
  own<T extends { dispose(): Promise<unknown> }>(resource: T | Promise<T>): Promise<T>
  dispose(): Promise<void>
}

export function createTestBed(): TestBed {
  const disposer = createDisposer()
  return {
    own: async (resource) => {
      const opened = await resource
      disposer.add(() => opened.dispose())
      return opened
    },
    dispose: () => disposer.dispose(),
  }
}

export async function expectStatus(instances: readonly Instance[], expected: string): Promise<void> {
  for (const instance of instances) {
    expect(await instance.readiness()).toMatchObject({ httpStatus: 200, status: expected })
  }
}

/** Resolves once each instance is ready and none has counts that wait for Redis. */
export async function untilSettled(instances: readonly Instance[], timeoutMs = 10_000): Promise<void> {
  await vi.waitFor(
    async () => {
      for (const instance of instances) {
        const { status, dependencies } = await instance.readiness()
        const pendingCounts = dependencies['redis.stats']?.pendingCounts
        if (status !== 'ready' || pendingCounts !== 0) throw new Error(`${instance.url} is ${status}: ${pendingCounts}`)
      }
    },
    { timeout: timeoutMs, interval: 20 },
  )
}
