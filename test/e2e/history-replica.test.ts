import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPrismaClient } from '../../src/db/client.ts'
import { migrateUp } from '../../src/db/migrations.ts'
import type { PrismaClient } from '../../src/generated/prisma/client.ts'
import { startApp } from '../support/app.ts'
import { freePort } from '../support/free-port.ts'
import { execute } from '../support/graphql.ts'
import { logAuctions, loggedAuction } from '../support/logged.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { hasPostgres } from '../support/services.ts'
import { createDatabase, createTestBed } from '../support/topology.ts'

const QUERY = `{
  auctions(from: "2026-03-10T00:00:00Z", to: "2026-03-11T00:00:00Z") { nodes { supplyId } }
  statsHistory(from: "2026-03-10T00:00:00Z", to: "2026-03-11T00:00:00Z", granularity: DAY, groupBy: SUPPLY) { supplyId }
}`
const answerOf = (supplyId: string) => ({ auctions: { nodes: [{ supplyId }] }, statsHistory: [{ supplyId }] })

describe.runIf(hasPostgres)('the history of a service with a replica', () => {
  const bed = createTestBed()
  let primaryUrl: string
  let replicaUrl: string

  /** Two databases of their own stand for both, so that what is read says where. */
  async function createLogged(serverUrl: Parameters<typeof createDatabase>[0], supplyId: string): Promise<string> {
    const url = await createDatabase(serverUrl)
    await migrateUp({ connectionString: url })
    const prisma: PrismaClient = createPrismaClient({ connectionString: url, maxConnections: 1 })
    const auction = loggedAuction('2026-03-10T11:00:00Z', supplyId, 'US', { acme: ['NO_BID'] })
    await logAuctions(prisma, [auction]).finally(() => prisma.$disconnect())
    return url
  }

  beforeAll(async () => {
    const server = await bed.own(startPostgres())
    primaryUrl = await createLogged(server, 'of-the-primary')
    replicaUrl = await createLogged(server, 'of-the-replica')
  })
  afterAll(() => bed.dispose())

  it('should be read there', async () => {
    const app = await bed.own(startApp({ env: { DATABASE_URL: primaryUrl, DATABASE_READ_URL: replicaUrl } }))
    expect(await execute(app.graphql, QUERY)).toEqual({ status: 200, data: answerOf('of-the-replica') })
  })

  it('should be read from the primary where the replica is away, and say so', async () => {
    const away = `postgresql://postgres@127.0.0.1:${await freePort()}/postgres`
    const app = await bed.own(startApp({ env: { DATABASE_URL: primaryUrl, DATABASE_READ_URL: away } }))
    const answer = { status: 200, data: answerOf('of-the-primary'), extensions: { history: 'primary' } }
    expect(await execute(app.graphql, QUERY)).toEqual(answer)
    expect(await execute(app.graphql, QUERY)).toEqual(answer)
    const refused = await execute(app.graphql, '{ auction(id: "00000000-0000-7000-8000-000000000000") { id } }')
    expect(refused).toEqual({ status: 200, data: { auction: null }, extensions: { history: 'primary' } })
  })

  it('should be refused, not waited for, where both are away', async () => {
    const server = await bed.own(startPostgres())
    const url = await createLogged(server, 'of-the-primary')
    const app = await bed.own(startApp({ env: { DATABASE_URL: url, DATABASE_READ_URL: url } }))
    expect(await execute(app.graphql, QUERY)).toEqual({ status: 200, data: answerOf('of-the-primary') })
    await server.stop()
    const { status, data, errors } = await execute(app.graphql, QUERY)
    expect([status, data]).toEqual([503, null])
    expect(errors?.map(({ extensions }) => extensions?.code)).toContain('DATABASE_UNAVAILABLE')
  })
})
