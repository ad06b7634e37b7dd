import { type Logger, pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { parseDataFile } from '../../src/catalog/data-file.ts'
import { loadCatalog } from '../../src/catalog/load.ts'
import { type App, createApp } from '../../src/composition/app.ts'
import { parseConfig } from '../../src/config.ts'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { migrateDown, migrateUp, planMigrateDown } from '../../src/db/migrations.ts'
import { SMALL_CATALOG } from '../support/app.ts'
import { send } from '../support/graphql.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'

/** Through the fast lane, and past it. */
const lanes = ['/graphql', '/graphql?yoga'] as const
const SUPPLIES = JSON.stringify({ query: '{ supplies(first: 1) { nodes { id } } }' })
const DISCONNECT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"

describe.runIf(hasPostgres)('a database that is changed while the service runs', () => {
  const lines: { level: number; msg: string; err?: object }[] = []
  const log: Logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  let server: PostgresServer
  let owner: Database
  let app: App

  beforeAll(async () => {
    server = await startPostgres()
    await migrateUp({ connectionString: server.url })
    owner = await openDatabase({ databaseUrl: server.url, dataDir: '' }, { command: 'auction test' })
    const data = parseDataFile(JSON.stringify(SMALL_CATALOG), 'catalog')
    await loadCatalog({ prisma: owner.prisma, data, prune: true })
    await asOwner('CREATE ROLE app LOGIN', 'GRANT ALL ON ALL TABLES IN SCHEMA public TO app')
    const env = { PORT: '0', DATABASE_URL: server.url.replace('postgres@', 'app@'), AUCTION_LOG: 'off' }
    app = await createApp(parseConfig({ ...env, SHUTDOWN_TIMEOUT_MS: '200', MAX_EVENT_LOOP_DELAY_MS: '0' }), { log })
  })
  afterEach(() => {
    lines.length = 0
  })
  afterAll(async () => {
    await app?.dispose()
    await owner?.dispose()
    await server?.dispose()
  })

  async function asOwner(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await owner.prisma.$executeRawUnsafe(statement)
  }

  function ask(path: string) {
    return send(`${app.url}${path}`, { headers: { 'content-type': 'application/json' }, body: SUPPLIES })
  }

  async function readiness() {
    const response = await fetch(`${app.url}/readyz`)
    const { status, dependencies } = await response.json()
    return { httpStatus: response.status, status, database: dependencies.database }
  }

  it.each([
    [
      'its rights are revoked',
      ['REVOKE ALL ON ALL TABLES IN SCHEMA public FROM app'],
      'permission denied for table supplies',
      "GRANT DATABASE_URL's role its rights again",
      ['GRANT ALL ON ALL TABLES IN SCHEMA public TO app'],
    ],
    [
      'its role is let in no longer',
      ['ALTER ROLE app NOLOGIN', DISCONNECT],
      'role "app" is not permitted to log in',
      'correct DATABASE_URL, or what it names',
      ['ALTER ROLE app LOGIN'],
    ],
    [
      'a table is missing',
      ['ALTER TABLE supplies RENAME TO gone'],
      'relation "public.supplies" does not exist',
      'run `auction migrate up`',
      ['ALTER TABLE gone RENAME TO supplies'],
    ],
  ])(
    'should have queries answer DATABASE_UNAVAILABLE and one line logged where %s',
    async (_name, change, reason, remedy, undo) => {
      await asOwner(...change)
      // The first ones may meet the connections that are being cut, and a line is not told again so soon.
      await vi.waitFor(async () => {
        await ask(lanes[0])
        expect(lines).toHaveLength(1)
      })
      for (const lane of [...lanes, ...lanes]) {
        const { status, text } = await ask(lane)
        expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([503, 'DATABASE_UNAVAILABLE'])
      }
      expect(lines).toEqual([
        expect.objectContaining({ msg: `the database cannot be used as it is (${reason}): ${remedy}` }),
      ])
      expect(lines[0]).not.toHaveProperty('err')

      await asOwner(...undo)
      expect((await ask(lanes[0])).status).toBe(200)
    },
  )

  it('should be told at /readyz in one line where its tables are gone', async () => {
    expect(await readiness()).toMatchObject({ httpStatus: 200, status: 'ready' })
    const names = await planMigrateDown({ connectionString: server.url, to: 'base' })
    await migrateDown({ connectionString: server.url, names })

    const error = 'the database cannot be used as it is (relation "supplies" does not exist): run `auction migrate up`'
    expect(await readiness()).toEqual({ httpStatus: 200, status: 'degraded', database: { status: 'down', error } })
  })
})
