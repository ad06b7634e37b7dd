import { chmod, cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type EmbeddedDatabase, openEmbedded, SERVE_COMMAND } from '../../src/db/embedded/embedded.ts'
import { createTestFolder, type EmbeddedProcess, startEmbeddedProcess } from '../support/embedded-database.ts'
import { ownUsedBytes } from '../support/memory.ts'
import { query } from '../support/postgres.ts'

const opened: { dispose(): Promise<void> }[] = []
let template: Awaited<ReturnType<typeof createTestFolder>>
let dataDir: string

async function open(command = 'auction test', options: { dataDir?: string; ownerWaitMs?: number } = {}) {
  const database = await openEmbedded({ dataDir, command, ...options })
  opened.push(database)
  return database
}

function start(options?: Parameters<typeof startEmbeddedProcess>[1]): EmbeddedProcess {
  const process = startEmbeddedProcess(dataDir, options)
  opened.push({ dispose: () => process.kill() })
  return process
}

beforeAll(async () => {
  template = await createTestFolder()
  const database = await openEmbedded({ dataDir: template.path, command: 'auction test' })
  await database.dispose()
})

afterAll(() => template.dispose())

beforeEach(async () => {
  const folder = await createTestFolder()
  opened.push(folder)
  dataDir = join(folder.path, 'data')
})

/** Spares a test the creation, which takes seconds. */
function createDatabase(path = dataDir): Promise<void> {
  return cp(template.path, path, { recursive: true })
}

/** What a folder's files take, in bytes. */
async function sizeOf(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

afterEach(async () => {
  for (const { dispose } of opened.splice(0).reverse()) await dispose()
})

describe('openEmbedded', () => {
  it('should keep what was committed, for the next that opens it', async () => {
    const first = await openEmbedded({ dataDir, command: SERVE_COMMAND })
    await query(first.connectionString, 'CREATE TABLE t AS SELECT 42 AS n')
    await first.dispose()
    const second = await open()
    expect(await query(second.connectionString, 'SELECT n FROM t')).toEqual([{ n: 42 }])
  })

  it('should not grow with what is written and gone again', async () => {
    await createDatabase()
    const { connectionString } = await open()
    const sizes: number[] = []
    for (let round = 0; round < 6; round++) {
      await query(connectionString, `CREATE TABLE t AS SELECT repeat('x', 1000) FROM generate_series(1, 50000)`)
      await query(connectionString, 'DROP TABLE t')
      sizes.push(await sizeOf(dataDir))
    }
    // Each round writes 57 MB, and as much into the log; a log's file is 16 MB.
    expect(sizes.at(-1)).toBeLessThan((sizes[0] ?? 0) + 3 * 16_777_216)
  })

  it('should keep no answer once it is given', async () => {
    await createDatabase()
    const { connectionString } = await open()
    const ask = () => query(connectionString, "SELECT repeat('x', 1000000)")
    await ask()
    const before = await ownUsedBytes()
    for (let asked = 0; asked < 30; asked++) await ask()
    expect((await ownUsedBytes()) - before).toBeLessThan(10_000_000)
  })

  it('should let another process in, and both see each other’s work', async () => {
    await createDatabase()
    const serve = start()
    expect(await serve.nextLine()).toBe('owner')
    const guest = await open()
    expect(guest.owner).toBe(false)
    await query(guest.connectionString, 'CREATE TABLE t AS SELECT 1 AS n')
    const other = start({ command: 'auction load-data', write: true })
    expect(await other.nextLine()).toBe('guest')
    expect(await other.nextLine()).toBe('1')
    expect(await query(guest.connectionString, 'SELECT n FROM t')).toEqual([{ n: 1 }])
    expect(await query(guest.connectionString, 'SELECT min(id) FROM written')).toEqual([{ min: 1 }])
  })

  it('should refuse a second `auction serve` in one line that names the first', async () => {
    await createDatabase()
    const serve = start()
    expect(await serve.nextLine()).toBe('owner')
    await expect(open(SERVE_COMMAND)).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: `DATA_DIR ${dataDir} is in use by another \`auction serve\` (process ${serve.pid}): stop it or set DATA_DIR to another folder`,
    })
  })

  it('should have `auction serve` wait for a command to end', async () => {
    await createDatabase()
    const command = start({ command: 'auction load-data' })
    expect(await command.nextLine()).toBe('owner')
    const serving = open(SERVE_COMMAND)
    await command.stop()
    expect((await serving).owner).toBe(true)
  })

  it('should have `auction serve` give up on a command that does not end', async () => {
    await createDatabase()
    await open('auction load-data')
    await expect(open(SERVE_COMMAND, { ownerWaitMs: 200 })).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: expect.stringContaining(`another \`auction load-data\` (process ${process.pid})`),
    })
  })

  it('should make one of several that start at once the owner', async () => {
    await createDatabase()
    const processes = Array.from({ length: 4 }, () => start({ command: 'auction load-data' }))
    const inProcess = await Promise.all(Array.from({ length: 4 }, () => open()))
    const outcomes = await Promise.all(processes.map((process) => process.nextLine()))
    const owners = [...inProcess.map(({ owner }) => owner), ...outcomes.map((outcome) => outcome === 'owner')]
    expect(owners.filter(Boolean)).toHaveLength(1)
    expect(outcomes.every((outcome) => outcome === 'owner' || outcome === 'guest')).toBe(true)
    await Promise.all(processes.map((process) => process.stop()))
  })

  it('should take over from an owner that was killed, with everything it had committed, again and again', async () => {
    await createDatabase()
    let last = 0
    for (let round = 0; round < 3; round++) {
      const serve = start({ write: true })
      expect(await serve.nextLine()).toBe('owner')
      for (let n = 0; n < 50 + round * 20; n++) last = Number(await serve.nextLine())
      await serve.kill()
    }
    const { connectionString, owner } = await open(SERVE_COMMAND)
    expect(owner).toBe(true)
    const rows = await query(connectionString, 'SELECT id, filler FROM written ORDER BY id')
    expect(rows.length).toBeGreaterThanOrEqual(190)
    expect(rows.map(({ id }) => id)).toContain(last)
    expect(rows.every(({ filler }) => filler === 'x'.repeat(2000))).toBe(true)
    await query(connectionString, 'REINDEX TABLE written')
    expect((await readdir(dataDir)).filter((name) => /^(owner|s-)/.test(name))).toHaveLength(2)
  })

  it('should let one of several take over from an owner that was killed', async () => {
    await createDatabase()
    const serve = start({ write: true })
    expect(await serve.nextLine()).toBe('owner')
    await serve.nextLine()
    await serve.kill()
    const databases = await Promise.all(Array.from({ length: 6 }, () => open()))
    expect(databases.filter(({ owner }) => owner)).toHaveLength(1)
  })

  it('should begin anew where the first start was killed while it created the database', async () => {
    const serve = start()
    await vi.waitFor(async () => expect(await readdir(join(dataDir, 'postgres'))).toContain('PG_VERSION'), {
      interval: 1,
    })
    await serve.kill()
    expect(await readdir(dataDir)).toContain('postgres.unfinished')
    const { connectionString } = await open(SERVE_COMMAND)
    expect(await query(connectionString, 'SELECT 1 AS n')).toEqual([{ n: 1 }])
  })

  it('should work in a folder whose path is too long for a socket', async () => {
    const long = join(dataDir, 'x'.repeat(120))
    await createDatabase(long)
    const first = await open(SERVE_COMMAND, { dataDir: long })
    const second: EmbeddedDatabase = await open('auction test', { dataDir: long })
    expect([first.owner, second.owner]).toEqual([true, false])
    expect(await query(second.connectionString, 'SELECT 1 AS n')).toEqual([{ n: 1 }])
  })

  it('should say in one line that a file is no folder', async () => {
    await writeFile(dataDir, '')
    const reason = {
      code: 'DATA_DIR_UNUSABLE',
      message: expect.stringMatching(/^DATA_DIR .* it is not a folder; set /),
    }
    await expect(open()).rejects.toMatchObject(reason)
    await expect(open('auction test', { dataDir: join(dataDir, 'below') })).rejects.toMatchObject(reason)
  })

  it('should say in one line that a folder cannot be written', async () => {
    await mkdir(dataDir)
    await chmod(dataDir, 0o500)
    // Root may write everywhere but here.
    const unwritable = process.getuid?.() === 0 ? '/sys/auction' : dataDir
    await expect(open('auction test', { dataDir: unwritable })).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: expect.stringMatching(/^DATA_DIR .* it cannot be written \(\w+\); set DATA_DIR to a folder/),
    })
  })

  it('should say in one line that the files are no database', async () => {
    await mkdir(join(dataDir, 'postgres'), { recursive: true })
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '9\n')
    const started = open()
    await expect(started).rejects.toMatchObject({
      code: 'DATA_DIR_UNUSABLE',
      message: expect.stringMatching(/^DATA_DIR .* cannot be opened \(.+\): move it away or set DATA_DIR/),
    })
  })
})
