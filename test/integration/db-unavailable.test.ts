import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPrismaClient } from '../../src/db/client.ts'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { openInMemory } from '../../src/db/embedded/in-memory.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import { isDatabaseUnavailable } from '../../src/db/unavailable.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'
import { timed } from '../support/timed.ts'

/** Two seconds are promised; the rest is for a busy machine. */
const ANSWER_LIMIT_MS = 2_500

describe.runIf(hasPostgres)('a PostgreSQL server that goes away', () => {
  let server: PostgresServer
  let database: Database

  beforeAll(async () => {
    server = await startPostgres()
    await migrateUp({ connectionString: server.url })
    database = await openDatabase({ databaseUrl: server.url, dataDir: '' }, { command: 'auction test' })
  })

  afterAll(async () => {
    await database.dispose()
    await server.dispose()
  })

  /** That each way of asking fails in time, and is recognised. */
  async function expectUnavailable(): Promise<void> {
    const { prisma, ping } = database
    const ways = [
      ping,
      () => prisma.supply.findMany({ include: { bidders: true } }),
      () => prisma.$transaction((tx) => tx.supply.count()),
      () => prisma.$transaction([prisma.supply.count(), prisma.bidder.count()]),
    ]
    for (const ask of ways) {
      let error: unknown
      const { ownMs } = await timed(async () => {
        error = await ask().then(
          () => 'an answer',
          (reason: unknown) => reason,
        )
      })
      expect([error, isDatabaseUnavailable(error)]).toEqual([expect.any(Error), true])
      expect(ownMs).toBeLessThan(ANSWER_LIMIT_MS)
    }
  }

  it('should be noticed when it is stopped, and used again when it is back', async () => {
    await database.ping()
    await server.stop()
    await expectUnavailable()
    await server.start()
    await expect(database.ping()).resolves.toBeUndefined()
  })

  it('should be noticed in the middle of a query and of a transaction', async () => {
    const { prisma } = database
    const query = prisma.$queryRaw`SELECT pg_sleep(60)`.catch((error: unknown) => error)
    const transaction = prisma
      .$transaction(async (tx) => {
        await tx.supply.count()
        await server.stop()
        await tx.supply.count()
      })
      .catch((error: unknown) => error)
    expect(isDatabaseUnavailable(await transaction)).toBe(true)
    expect(isDatabaseUnavailable(await query)).toBe(true)
    await server.start()
    await expect(database.ping()).resolves.toBeUndefined()
  })

  it('should be noticed within 2 s when it stops answering', async () => {
    await database.ping()
    await server.freeze()
    await expectUnavailable()
    server.thaw()
    await expect.poll(() => database.ping().then(() => 'up')).toBe('up')
  })

  it('should not be confused with a question that is wrong', async () => {
    const { prisma } = database
    await prisma.supply.create({ data: { id: 'once' } })
    const errors = await Promise.all(
      [
        prisma.supply.create({ data: { id: 'once' } }),
        prisma.$queryRaw`SELECT 1 / 0`,
        prisma.$queryRaw`SELECT * FROM nowhere`,
        prisma.supplyBidder.create({ data: { supplyId: 'nobody', bidderId: 'nobody' } }),
      ].map((question) => question.catch((error: unknown) => error)),
    )
    expect(errors.map((error) => [error instanceof Error, isDatabaseUnavailable(error)])).toEqual(
      errors.map(() => [true, false]),
    )
  })
})

describe('openDatabase', () => {
  it('should say in one line that a server is not there, and that one is not migrated', async () => {
    const open = (databaseUrl: string) => openDatabase({ databaseUrl, dataDir: '' }, { command: 'auction test' })
    await expect(open('postgresql://127.0.0.1:1/ads')).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    const empty = await openInMemory()
    await expect(open(empty.connectionString)).rejects.toMatchObject({ code: 'MIGRATION_PENDING' })
    await empty.dispose()
  })
})

describe('an embedded database that goes away', () => {
  it('should be noticed', async () => {
    const database = await openInMemory()
    const prisma = createPrismaClient({ connectionString: database.connectionString, maxConnections: 2 })
    await prisma.$queryRaw`SELECT 1`
    await database.dispose()
    const error = await prisma.$queryRaw`SELECT 1`.catch((reason: unknown) => reason)
    expect([error, isDatabaseUnavailable(error)]).toEqual([expect.any(Error), true])
    await prisma.$disconnect()
  })
})
