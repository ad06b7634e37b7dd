import { execFile, spawnSync } from 'node:child_process'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { generateCatalog } from '../../src/catalog/generate.ts'
import { writeDataFile } from '../../src/catalog/write-data-file.ts'
import { openEmbedded } from '../../src/db/embedded/embedded.ts'
import { createTestFolder, startEmbeddedProcess } from '../support/embedded-database.ts'
import { dataOf } from '../support/graphql.ts'
import { startInstance } from '../support/instance.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { query } from '../support/postgres.ts'
import { canMount } from '../support/services.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const COMMAND_TIMEOUT_MS = 200_000
const SUPPLIES = '{ supplies { nodes { id } } }'

describe('the disk of the embedded database', { timeout: 300_000 }, () => {
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let dataDir: string
  const opened: (() => unknown)[] = []

  beforeEach(async () => {
    folder = await createTestFolder()
    dataDir = join(folder.path, 'data')
    opened.push(folder.dispose)
  })
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  function mount(megabytes: number, ...options: string[]): void {
    const { status } = spawnSync('mount', [
      '-t',
      'tmpfs',
      '-o',
      [`size=${megabytes}m`, ...options].join(),
      'tmpfs',
      folder.path,
    ])
    expect(status).toBe(0)
    if (options.length === 0) opened.push(() => spawnSync('umount', [folder.path]))
  }

  /** Runs a command to its end; what it said on stderr after its exit code. */
  function auction(...args: readonly string[]): Promise<string> {
    const { PATH = '', HOME = '' } = process.env
    const options = { timeout: COMMAND_TIMEOUT_MS, env: { PATH, HOME, DATA_DIR: dataDir } }
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [MAIN, ...args], options, (_error, _stdout, stderr) => {
        resolve(`${child.exitCode} ${stderr}`)
      })
    })
  }

  it.runIf(canMount)('should be named in one line where it is full at the first start', async () => {
    mount(20)
    expect(await auction('run', '--supply', 'news')).toMatch(
      /^1 error: DATA_DIR \S+ cannot be opened \(its disk has 20 MB left, and 80 are needed\): make room there\n$/,
    )
  })

  it.runIf(canMount)('should take nothing but the database with it where a load fills it', async () => {
    const file = join(folder.path, 'large.json')
    mount(1000)
    await makeMigratedDataDir(dataDir)
    await writeDataFile(
      file,
      generateCatalog({ supplies: 60_000, bidders: 200, maxBiddersPerSupply: 6, seed: 1 }),
      true,
    )
    const used = Number(spawnSync('du', ['-sm', folder.path]).stdout.toString().split('\t')[0])
    const service = await startInstance({ DATA_DIR: dataDir, LOG_LEVEL: 'warn' })
    opened.push(service.dispose)
    const before = await dataOf(service.graphqlUrl, SUPPLIES)
    mount(used + 24, 'remount')

    const said = await auction('load-data', '-i', file, '--prune')
    expect(said).toMatch(/^1 error: [^\n]*No space left on device[^\n]*nothing was changed[^\n]*\n$/)
    expect((await fetch(`${service.url}/livez`)).status).toBe(200)
    const { httpStatus, status, dependencies } = await service.readiness()
    expect([httpStatus, status]).toEqual([200, 'degraded'])
    expect(dependencies.database?.error).toMatch(/No space left on device|its disk has \d+ MB left/)
    service.signal('SIGTERM')
    expect(await service.exited).toEqual({ code: 0, signal: null })

    mount(1000, 'remount')
    const next = await startInstance({ DATA_DIR: dataDir, LOG_LEVEL: 'warn' })
    opened.push(next.dispose)
    expect(await dataOf(next.graphqlUrl, SUPPLIES)).toEqual(before)
  })

  it('should be named in one line where it has damaged files', async () => {
    await makeMigratedDataDir(dataDir)
    await auction('run', '--supply', 'eastern-music-tribune')
    const database = await openEmbedded({ dataDir, command: 'auction test' })
    const [row] = await query(database.connectionString, `SELECT pg_relation_filepath('supply_bidder') AS path`)
    await database.dispose()
    await truncate(join(dataDir, 'postgres', String(row?.path)), 100)
    const file = join(folder.path, 'data.json')
    await writeFile(file, '{"supplies":{"eastern-music-tribune":["acme"]},"bidders":{"acme":{"country":"US"}}}')
    expect(await auction('load-data', '-i', file)).toMatch(
      /^1 error: the database's files are damaged \([^\n]+\): restore them from a backup, or move DATA_DIR away[^\n]*\n$/,
    )
  })

  it('should be told of truly by a load that loses the service', async () => {
    const file = join(folder.path, 'large.json')
    await makeMigratedDataDir(dataDir)
    await writeDataFile(
      file,
      generateCatalog({ supplies: 30_000, bidders: 200, maxBiddersPerSupply: 6, seed: 1 }),
      true,
    )
    const serve = startEmbeddedProcess(dataDir)
    opened.push(serve.kill)
    expect(await serve.nextLine()).toBe('owner')
    const guest = await openEmbedded({ dataDir, command: 'auction test' })
    const loading = auction('load-data', '-i', file)
    await vi.waitFor(
      async () =>
        expect(
          await query(guest.connectionString, `SELECT FROM pg_namespace WHERE starts_with(nspname, 'catalog_load_')`),
        ).toHaveLength(1),
      { timeout: 60_000 },
    )
    await serve.kill()
    expect(await loading).toMatch(
      /^1 error: the embedded database is gone \([^\n]+\), and nothing was changed: run the command again\n$/,
    )
  })
})
