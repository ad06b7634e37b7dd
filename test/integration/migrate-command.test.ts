import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEmbedded, SERVE_COMMAND } from '../../src/db/embedded/embedded.ts'
import { readMigrations } from '../../src/db/migration-files.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ENGINE = join(ROOT, 'tools/schema-engine/main.mjs')
/** Each test starts several processes, one of which is the Prisma CLI, one after the other. */
const TIMEOUT_MS = 180_000

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(command: string, args: string[], env: Record<string, string>, cwd = ROOT): Promise<Outcome> {
  const { PATH = '', HOME = '' } = process.env
  return new Promise((resolve) => {
    const child = execFile(command, args, { cwd, env: { PATH, HOME, ...env } }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
    child.stdin?.end()
  })
}

/** What the terminal would show of `auction migrate …` and `prisma migrate …` on one database. */
function commandsFor(env: Record<string, string>) {
  return {
    auction: (...args: string[]) => run(process.execPath, ['dist/main.js', 'migrate', ...args], env),
    prisma: (...args: string[]) =>
      run('node_modules/.bin/prisma', ['migrate', ...args], {
        ...env,
        CHECKPOINT_DISABLE: '1',
        PRISMA_SCHEMA_ENGINE_BINARY: ENGINE,
      }),
  }
}

/** What Prisma says of migrations that are to be applied. */
function notApplied(names: readonly string[]): RegExp {
  return new RegExp(`not yet been applied:\\s*${names.join('\\s+')}\\s`)
}

function lines(names: readonly string[], line: (name: string) => string): string {
  return names.map((name) => `${line(name)}\n`).join('')
}

describe('auction migrate and prisma migrate', { timeout: TIMEOUT_MS }, () => {
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let names: string[]
  let first: string
  let last: string

  beforeAll(async () => {
    folder = await createTestFolder()
    names = (await readMigrations()).map(({ name }) => name)
    first = names.at(0) ?? ''
    last = names.at(-1) ?? ''
  })
  afterAll(() => folder.dispose())

  async function expectAgreement({ auction, prisma }: ReturnType<typeof commandsFor>): Promise<void> {
    const rest = names.slice(1)
    expect(await auction('up', '--steps', '1')).toEqual({ code: 0, stdout: `applied ${first}\n`, stderr: '' })
    expect((await prisma('status')).stdout).toMatch(notApplied(rest))
    expect((await auction('up')).stdout).toBe(lines(rest, (name) => `applied ${name}`))
    expect((await auction('up')).stdout).toBe('Nothing to apply.\n')
    expect((await prisma('status')).stdout).toContain('Database schema is up to date!')
    const difference = ['diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma', '--exit-code']
    expect(await prisma(...difference)).toMatchObject({ code: 0, stdout: expect.stringContaining('No difference') })

    expect(await auction('down')).toEqual({
      code: 1,
      stdout: '',
      stderr: `error: this would undo ${last}, which drops the data that came with it: run it with --yes if you mean it\n`,
    })
    expect((await auction('down', '--yes')).stdout).toBe(`undone ${last}\n`)
    expect((await prisma('status')).stdout).toMatch(notApplied([last]))
    expect((await auction('history')).stdout).toMatch(new RegExp(`^${first} +20.*Z\n[^]*\n${last} +not applied\n$`))

    expect((await prisma('deploy')).stdout).toContain(last)
    const upToDate = `Current: ${last}\nThe database is up to date.\n`
    expect(await auction('status')).toEqual({ code: 0, stdout: upToDate, stderr: '' })
    const undone = lines([...names].reverse(), (name) => `undone ${name}`)
    expect((await auction('down', '--to', 'base', '--yes')).stdout).toBe(undone)
    expect(await auction('status')).toEqual({
      code: 1,
      stdout: `Current: none\nNot applied (${names.length}), apply with \`auction migrate up\`:\n${lines(names, (name) => `  ${name}`)}`,
      stderr: '',
    })
    expect((await prisma('reset', '--force')).stdout).toContain('Database reset successful')
    expect((await auction('status')).stdout).toBe(upToDate)
  }

  it('should agree on the embedded database, which each process opens for itself', async () => {
    const { auction, prisma } = commandsFor({ DATA_DIR: join(folder.path, 'alone') })
    expect((await auction('up', '--steps', '1')).stdout).toBe(`applied ${first}\n`)
    expect(await auction('status')).toMatchObject({ code: 1, stdout: expect.stringContaining('Not applied (') })
    expect((await prisma('status')).stdout).toMatch(notApplied(names.slice(1)))
    expect((await prisma('deploy')).stdout).toContain(last)
    expect((await auction('status')).stdout).toContain('up to date')
  })

  it('should agree after each step on the embedded database while `auction serve` has it open', async () => {
    const dataDir = join(folder.path, 'served')
    const database = await openEmbedded({ dataDir, command: SERVE_COMMAND })
    await expectAgreement(commandsFor({ DATA_DIR: dataDir })).finally(() => database.dispose())
  })

  it('should say what is wrong with what it is asked, in one line', async () => {
    const { auction } = commandsFor({ DATA_DIR: join(folder.path, 'unused') })
    expect(await auction('up', '--steps', '0')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: --steps 0 cannot be used: it must be a whole number from 1 to 10000.\n',
    })
    expect((await auction('down', '--steps', '1', '--to', 'base')).stderr).toBe(
      'error: --steps and --to cannot be used together: give one of them.\n',
    )
    expect(await readdir(folder.path)).not.toContain('unused')
  })

  describe.runIf(hasPostgres)('on a server', () => {
    let server: PostgresServer
    let database: TestDatabase

    beforeAll(async () => {
      server = await startPostgres()
      database = await createTestDatabase(server.url)
    })
    afterAll(() => server.dispose())

    it('should agree after each step', async () => {
      await expectAgreement(commandsFor({ DATABASE_URL: database.url }))
    })

    it('should create a database that is missing', async () => {
      const url = new URL(database.url)
      url.pathname = 'not_there_yet'
      const { auction, prisma } = commandsFor({ DATABASE_URL: url.href })
      expect((await auction('status')).stderr).toMatch(
        /^error: .* cannot be used \(database "not_there_yet" does not exist\)/,
      )
      expect((await prisma('deploy')).stdout).toContain(first)
      expect((await auction('status')).stdout).toContain('up to date')
    })
  })
})
