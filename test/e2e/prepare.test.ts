import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readMigrations } from '../../src/db/migration-files.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { createTestDatabase, query } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const APPLIED = (await readMigrations()).map(({ name }) => `Applied ${name}.\n`).join('')
const UP_TO_DATE = 'The database is up to date.\n'
const HAS_SUPPLIES = 'The catalogue has supplies already.\n'

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function prepare(env: Record<string, string>, ...args: string[]): Promise<Outcome> {
  const { PATH = '' } = process.env
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, 'prepare', ...args],
      { env: { PATH, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}

let folder: Awaited<ReturnType<typeof createTestFolder>>
beforeAll(async () => {
  folder = await createTestFolder()
})
afterAll(() => folder.dispose())

describe('auction prepare', () => {
  it('should prepare the embedded database, and change nothing the second time', async () => {
    const dataDir = join(folder.path, 'data')
    const made = `There was no catalogue: generated ${join(dataDir, 'data.json')} (10 supplies, 12 bidders) and loaded it.\n`
    expect(await prepare({ DATA_DIR: dataDir })).toEqual({ code: 0, stdout: APPLIED + made, stderr: '' })
    expect(await prepare({ DATA_DIR: dataDir })).toEqual({ code: 0, stdout: UP_TO_DATE + HAS_SUPPLIES, stderr: '' })
  })

  it('should refuse options, and a database that cannot be reached, in one line', async () => {
    const unreachable = await prepare({ DATABASE_URL: 'postgresql://127.0.0.1:1/ads' })
    expect(unreachable).toMatchObject({ code: 1, stdout: '' })
    expect(unreachable.stderr).toMatch(/^error: PostgreSQL at 127\.0\.0\.1:1\/ads cannot be used [^\n]+\n$/)
    const refused = await prepare({ DATA_DIR: join(folder.path, 'unused') }, '--force')
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: --force is not an option [^\n]+\n$/),
    })
  })

  describe.runIf(hasPostgres)('on a server', () => {
    let server: PostgresServer
    beforeAll(async () => {
      server = await startPostgres()
    })
    afterAll(() => server.dispose())

    it('should do each thing once where several do it at once', async () => {
      const { url } = await createTestDatabase(server.url)
      const outcomes = await Promise.all([1, 2, 3].map(() => prepare({ DATABASE_URL: url })))
      expect(outcomes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(3).fill({ code: 0, stderr: '' }))
      const lines = outcomes.flatMap(({ stdout }) => stdout.split('\n'))
      for (const line of APPLIED.trim().split('\n')) expect(lines.filter((one) => one === line)).toHaveLength(1)
      expect(lines.filter((line) => line.startsWith('There was no catalogue: generated one'))).toHaveLength(1)
      expect(
        await query(url, 'SELECT (SELECT count(*) FROM supplies) AS supplies, revision FROM catalog_revision'),
      ).toEqual([{ supplies: '10', revision: '1' }])
    })

    it('should leave a catalogue as it is', async () => {
      const { url } = await createTestDatabase(server.url)
      await prepare({ DATABASE_URL: url })
      await query(url, 'DELETE FROM supplies WHERE id NOT IN (SELECT min(id) FROM supplies)')
      expect((await prepare({ DATABASE_URL: url })).stdout).toBe(UP_TO_DATE + HAS_SUPPLIES)
      expect(await query(url, 'SELECT count(*) FROM supplies')).toEqual([{ count: '1' }])
    })
  })
})
