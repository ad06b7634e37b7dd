import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type InMemoryDatabase, openInMemory } from '../../src/db/embedded/in-memory.ts'
import { MIGRATIONS_DIR, readMigrations } from '../../src/db/migration-files.ts'
import {
  assertMigrated,
  migrateDown,
  migrateUp,
  planMigrateDown,
  readMigrationStates,
} from '../../src/db/migrations.ts'
import { describeSchema } from '../support/describe-schema.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { createTestDatabase, query, type TestDatabase } from '../support/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'

describe('migrations on the embedded PostgreSQL', () => {
  let database: InMemoryDatabase

  beforeAll(async () => {
    database = await openInMemory()
  })
  afterAll(() => database.dispose())

  // To empty it is much faster than to start another.
  describeMigrations(async () => {
    const url = database.connectionString
    await query(url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    return { url, async dispose() {} }
  })
})

describe.runIf(hasPostgres)('migrations on a PostgreSQL server', () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.dispose())

  describeMigrations(() => createTestDatabase(server.url))
})

function describeMigrations(open: () => Promise<TestDatabase>): void {
  let database: TestDatabase
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let target: { connectionString: string; directory: string }
  let names: string[]

  beforeEach(async () => {
    database = await open()
    folder = await createTestFolder()
    await cp(MIGRATIONS_DIR, folder.path, { recursive: true })
    target = { connectionString: database.url, directory: folder.path }
    names = (await readMigrations(folder.path)).map(({ name }) => name)
  })

  afterEach(async () => {
    await database.dispose()
    await folder.dispose()
  })

  async function applied(): Promise<string[]> {
    const states = await readMigrationStates(target)
    return states.flatMap(({ name, appliedAt }) => (appliedAt === undefined ? [] : name))
  }

  async function down(extent: { steps?: number; to?: string } = {}): Promise<string[]> {
    return migrateDown({ ...target, names: await planMigrateDown({ ...target, ...extent }) })
  }

  /** As if later migrations had not been written yet, for tests of any two. */
  async function keepTwo(): Promise<void> {
    for (const name of names.splice(2)) await rm(join(folder.path, name), { recursive: true })
  }

  async function edit(name: string, file: string, content: string): Promise<void> {
    await writeFile(join(folder.path, name, file), content)
  }

  it('should come to the same schema again after each step down and up', async () => {
    const empty = await describeSchema(database.url)
    const schemas = [empty]
    for (const name of names) {
      expect(await migrateUp({ ...target, steps: 1 })).toEqual([name])
      schemas.push(await describeSchema(database.url))
    }
    for (const name of names.toReversed()) {
      expect(await describeSchema(database.url)).toEqual(schemas.pop())
      expect(await down()).toEqual([name])
    }
    expect(await describeSchema(database.url)).toEqual(empty)
    expect(await down()).toEqual([])
    expect(await migrateUp(target)).toEqual(names)
    expect(await migrateUp(target)).toEqual([])
    expect(await applied()).toEqual(names)
  })

  it('should make the tables, indexes and rows that the service relies on', async () => {
    await migrateUp(target)
    const indexes = await query(
      database.url,
      `SELECT substring(indexdef from 'ON public\\.(.*)$') AS index FROM pg_indexes
       WHERE tablename IN ('bidders', 'supply_bidder') AND indexname NOT LIKE '%_pkey' ORDER BY 1`,
    )
    expect(indexes.map(({ index }) => index)).toEqual([
      'bidders USING btree (country, id)',
      'supply_bidder USING btree (bidder_id, supply_id)',
    ])
    expect(await query(database.url, 'SELECT id, revision FROM catalog_revision')).toEqual([{ id: 1, revision: '0' }])
    await expect(query(database.url, 'INSERT INTO catalog_revision (id) VALUES (2)')).rejects.toMatchObject({
      code: '23514',
    })
  })

  it('should order ids by their bytes, as the service does', async () => {
    await migrateUp(target)
    const ids = ['a', 'B', 'Z', 'é', 'a b', 'a-b', 'ab', '_', 'ä', '語', '1', '10', '2']
    await query(database.url, 'INSERT INTO supplies (id) SELECT unnest($1::text[])', [ids])
    const rows = await query(database.url, 'SELECT id FROM supplies ORDER BY id')
    const byBytes = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(rows.map(({ id }) => id)).toEqual(byBytes)
  })

  it('should go up and down to a migration, by the beginning of its name', async () => {
    await keepTwo()
    const [first = '', second = ''] = names
    expect(await migrateUp({ ...target, to: first })).toEqual([first])
    expect(await migrateUp({ ...target, to: first })).toEqual([])
    expect(await migrateUp({ ...target, to: second.slice(0, 14) })).toEqual([second])
    expect(await down({ to: first.slice(0, 14) })).toEqual([second])
    expect(await down({ to: 'base' })).toEqual([first])
    await migrateUp(target)
    expect(await down({ steps: 2 })).toEqual([second, first])
  })

  it('should refuse a name that fits none or several', async () => {
    await keepTwo()
    const all = names.join(', ')
    await expect(migrateUp({ ...target, to: 'x' })).rejects.toMatchObject({
      code: 'MIGRATION_NOT_FOUND',
      message: `no migration begins with "x"; there is: ${all}`,
    })
    await expect(down({ to: '2' })).rejects.toMatchObject({ message: `2 migrations begin with "2"; there is: ${all}` })
  })

  it('should apply each migration once where several processes migrate at once', async () => {
    const results = await Promise.all([1, 2, 3, 4].map(() => migrateUp(target)))
    expect(results.flat().toSorted()).toEqual(names)
    const undone = await planMigrateDown({ ...target, to: 'base' })
    const downs = await Promise.all([1, 2, 3].map(() => migrateDown({ ...target, names: undone })))
    expect(downs.flat().toSorted()).toEqual(names)
    expect(await applied()).toEqual([])
  })

  it('should roll a migration that fails back as a whole, and apply it once it is mended', async () => {
    await keepTwo()
    const [first = '', second = ''] = names
    const good = (await readMigrations(folder.path))[1]?.up ?? ''
    await edit(second, 'migration.sql', `${good}; SELECT 1 / 0;`)
    await expect(migrateUp(target)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringMatching(
        `^${second} failed and was rolled back, nothing of it is left: .*division by zero`,
      ),
    })
    expect(await applied()).toEqual([first])
    await edit(second, 'migration.sql', good)
    expect(await migrateUp(target)).toEqual([second])
  })

  it('should refuse what cannot be part of a transaction, saying what to do', async () => {
    await keepTwo()
    const [first = '', second = ''] = names
    await edit(second, 'migration.sql', 'CREATE INDEX CONCURRENTLY i ON bidders (id);')
    await expect(migrateUp(target)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: `${second} failed and was rolled back, nothing of it is left: CREATE INDEX CONCURRENTLY cannot run inside a transaction block: a migration is one transaction, so run this by hand before it`,
    })
    expect(await applied()).toEqual([first])
  })

  it('should keep on record that a migration which commits by itself may be half done', async () => {
    await keepTwo()
    const [, second = ''] = names
    await edit(second, 'migration.sql', 'CREATE TABLE half (); COMMIT; SELECT 1 / 0;')
    const remedy = `npx prisma migrate resolve --applied ${second}`
    await expect(migrateUp(target)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringMatching(`^${second} failed after it had committed .*division by zero.*${remedy}`),
    })
    await expect(migrateUp(target)).rejects.toMatchObject({
      message: expect.stringMatching(`^${second} has failed before and may be half done: .*${remedy}`),
    })
  })

  it('should roll a down.sql that fails back as a whole', async () => {
    await keepTwo()
    const [, second = ''] = names
    await migrateUp(target)
    await edit(second, 'down.sql', 'DROP TABLE catalog_revision; SELECT 1 / 0;')
    await expect(down()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    expect(await applied()).toEqual(names)
    expect(await query(database.url, 'SELECT id FROM catalog_revision')).toHaveLength(1)
    await rm(join(folder.path, second, 'down.sql'))
    await expect(down()).rejects.toMatchObject({ message: `${second} cannot be undone: it has no down.sql` })
  })

  it('should run functions and texts with semicolons as they are', async () => {
    await keepTwo()
    const [, second = ''] = names
    await edit(
      second,
      'migration.sql',
      `CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a;b'; END; $$; COMMENT ON FUNCTION f() IS ';';`,
    )
    expect(await migrateUp(target)).toEqual(names)
    expect(await query(database.url, 'SELECT f()')).toEqual([{ f: 'a;b' }])
  })

  it('should notice a migration that was edited, is missing or has failed', async () => {
    await keepTwo()
    const [first = '', second = ''] = names
    await migrateUp(target)
    const good = (await readMigrations(folder.path))[0]?.up ?? ''
    await edit(first, 'migration.sql', `${good}-- x`)
    await expect(migrateUp(target)).rejects.toMatchObject({
      code: 'MIGRATION_DIVERGED',
      message: expect.stringContaining(`${first}/migration.sql was changed after it was applied`),
    })
    await edit(first, 'migration.sql', good.replaceAll('\n', '\r\n'))
    expect(await applied()).toEqual(names)

    await query(database.url, 'UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = $1', [second])
    await expect(down()).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining(`npx prisma migrate resolve --applied ${second}`),
    })
    await query(database.url, 'UPDATE _prisma_migrations SET finished_at = now()')
    await rm(join(folder.path, second), { recursive: true })
    await expect(readMigrationStates(target)).rejects.toMatchObject({
      code: 'MIGRATION_DIVERGED',
      message: expect.stringContaining(`the database has ${second}, which prisma/migrations lacks`),
    })
    await expect(assertMigrated(target)).resolves.toBeUndefined()
  })

  it('should tell a database that is behind', async () => {
    await keepTwo()
    await migrateUp({ ...target, steps: 1 })
    await expect(assertMigrated(target)).rejects.toMatchObject({
      code: 'MIGRATION_PENDING',
      message: `the database lacks ${names[1]}: run \`auction migrate up\``,
    })
  })

  it('should say that a database cannot be reached', async () => {
    await expect(
      migrateUp({ ...target, connectionString: 'postgresql://me:secret@127.0.0.1:1/ads' }),
    ).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringMatching(
        /^PostgreSQL at 127\.0\.0\.1:1\/ads cannot be used \(.*ECONNREFUSED.*\): start it/,
      ),
    })
  })
}
