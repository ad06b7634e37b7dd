import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrateUp } from '../../src/db/migrations.ts'
import { archiveDueDays } from '../../src/history/archive/archive.ts'
import { listFiles, verifyFile } from '../../src/history/archive/archive-dir.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { daysAgo, insertAuctions, makeUpAuctions, readAuctions } from '../support/logged-auctions.ts'
import { createTestDatabase, query } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'

const PROCESS = fileURLToPath(new URL('../support/archive-process.ts', import.meta.url))
const RETENTION = { warmDays: 90, coldDays: 2555 }
const POINTS_MIN = 20
/** Points that are tried together, since most of each is the start of a process. */
const AT_ONCE = 3

describe.skipIf(!hasPostgres)('the archive', () => {
  let server: PostgresServer
  let folder: Awaited<ReturnType<typeof createTestFolder>>

  beforeAll(async () => {
    server = await startPostgres()
    folder = await createTestFolder()
  })
  afterAll(async () => {
    await server.dispose()
    await folder.dispose()
  })

  async function archive(connectionString: string, directory: string): Promise<void> {
    const options = { connectionString, embedded: false, directory, ...RETENTION, nowMs: Date.now() }
    for await (const _step of archiveDueDays(options));
  }

  /** Ids of all auctions, once for each place that one is in. */
  async function idsIn(url: string, directory: string): Promise<{ files: string[]; table: string[] }> {
    const files: string[] = []
    for (const file of await listFiles(directory)) {
      await verifyFile(file)
      files.push(...(await readAuctions(file.path)).map(({ id }) => id))
    }
    const rows = await query(url, 'SELECT id FROM auction_log')
    return { files, table: rows.map(({ id }) => String(id)) }
  }

  it('should have every auction in one place after it was killed anywhere and run again', {
    timeout: 600_000,
  }, async () => {
    // One day for the first time, and one that was archived before and for which more came.
    const prepared = await createTestDatabase(server.url)
    const archivedBefore = join(folder.path, 'before')
    await migrateUp({ connectionString: prepared.url })
    const first = makeUpAuctions({ count: 300, startOfDayMs: daysAgo(100) })
    await insertAuctions(prepared.url, first)
    await archive(prepared.url, archivedBefore)
    const late = makeUpAuctions({ count: 40, startOfDayMs: daysAgo(100), seed: 2 })
    const next = makeUpAuctions({ count: 300, startOfDayMs: daysAgo(95), seed: 3 })
    await insertAuctions(prepared.url, late, true)
    await insertAuctions(prepared.url, next)
    const all = [...first, ...late, ...next].map(({ id }) => id).sort()

    /** Whether it was killed there before it was done. */
    async function killAt(point: number): Promise<boolean> {
      const url = await copyDatabase(server.url, prepared.url, `killed_${point}`)
      const directory = join(folder.path, `${point}`)
      await cp(archivedBefore, directory, { recursive: true })
      const isKilled = await runUntilKilled(url, directory, point)

      const { files, table } = await idsIn(url, directory)
      expect([...new Set([...files, ...table])].sort()).toEqual(all)
      await archive(url, directory)
      expect(await idsIn(url, directory)).toEqual({ files: expect.any(Array), table: [] })
      expect((await idsIn(url, directory)).files.sort()).toEqual(all)
      return isKilled
    }
    let points = 0
    for (let killed = AT_ONCE; killed === AT_ONCE; points += killed) {
      const some = await Promise.all(Array.from({ length: AT_ONCE }, (_, next) => killAt(points + next + 1)))
      killed = some.filter(Boolean).length
    }
    console.log(`killed at ${points} points`)
    expect(points).toBeGreaterThanOrEqual(POINTS_MIN)
  })
})

async function copyDatabase(serverUrl: string, from: string, name: string): Promise<string> {
  await query(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${new URL(from).pathname.slice(1)}`)
  const url = new URL(serverUrl)
  url.pathname = name
  return url.href
}

/** Whether it was killed before it was done. */
function runUntilKilled(url: string, directory: string, killAt: number): Promise<boolean> {
  const args = ['--import', 'tsx', PROCESS, url, directory, String(killAt)]
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      args,
      { timeout: 120_000, killSignal: 'SIGTERM' },
      (_error, _stdout, stderr) => {
        if (child.signalCode === 'SIGKILL') resolve(true)
        else if (child.exitCode === 0) resolve(false)
        else reject(new Error(`it ended with ${child.exitCode} ${child.signalCode}: ${stderr}`))
      },
    )
  })
}
