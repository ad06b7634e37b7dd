import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Auction } from '../../src/auction/types.ts'
import { execute } from '../support/graphql.ts'
import { type InstanceEnv, startInstance, startWorker } from '../support/instance.ts'
import { expectedPaths, logTold, recordTold, toldAuctions } from '../support/notices.ts'
import { query } from '../support/postgres.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { hasPostgres, hasRedis } from '../support/services.ts'
import { createDatabase, createTestBed, prepareDatabase } from '../support/topology.ts'

/** NOTICE_TEST_AUCTIONS=10000 takes more than a minute longer. */
const AUCTIONS = Number(process.env.NOTICE_TEST_AUCTIONS ?? 1_000)
const CONFIRM = `mutation ($auctionId: ID!) {
  confirmImpression(auctionId: $auctionId) {
    __typename
    ... on ImpressionConfirmed { auctionId isFirst }
    ... on AuctionNotFoundError { auctionId message }
    ... on ConfirmationExpiredError { auctionId message }
  }
}`

interface Confirmed {
  readonly confirmImpression: { readonly __typename: string; readonly isFirst?: boolean } | null
}

describe.skipIf(!(hasPostgres && hasRedis))(
  'notices of auctions that are shipped from Redis',
  { timeout: 120_000 },
  () => {
    const shared = createTestBed()
    const bed = createTestBed()
    let env: InstanceEnv
    let databaseUrl: string
    let redisUrl: string
    beforeAll(async () => {
      const postgres = await shared.own(startPostgres())
      const redis = await shared.own(startRedis())
      databaseUrl = await createDatabase(postgres)
      redisUrl = redis.url
      env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, NOTICE_ALLOW_PRIVATE: '1' }
      await prepareDatabase(databaseUrl)
    })
    afterEach(async () => {
      await bed.dispose()
      await query(databaseUrl, 'TRUNCATE auction_notices, auction_confirmations')
    })
    afterAll(() => shared.dispose())

    const sorted = (receiver: Receiver) => [...new Set(receiver.received)].sort()
    const confirm = async (url: string, auctionId: string) =>
      (await execute<Confirmed>(url, CONFIRM, { auctionId })).data?.confirmImpression
    const sold = (auctions: readonly Auction[]) => auctions.filter(({ winner }) => winner !== null)

    it(`should arrive of each of ${AUCTIONS} auctions, at the price paid, where the worker is killed twice`, {
      timeout: 240_000,
    }, async () => {
      const receiver = await bed.own(startReceiver((_request, response) => setTimeout(() => response.end(), 50)))
      const auctions = toldAuctions(AUCTIONS, receiver.url)
      const expected = expectedPaths(auctions, ['win', 'loss'])
      await recordTold(redisUrl, auctions)
      for (const share of [0.3, 0.6]) {
        const worker = startWorker(env)
        await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(share * expected.length), {
          timeout: 60_000,
          interval: 5,
        })
        expect(receiver.received.length).toBeLessThan(expected.length)
        await worker.kill()
        await endLeases(databaseUrl)
      }
      await bed.own(startWorker(env))
      await vi.waitFor(() => expect(new Set(receiver.received).size).toBe(expected.length), { timeout: 120_000 })
      expect(sorted(receiver)).toEqual(expected)
      const again = receiver.received.length - expected.length
      console.log(`${expected.length} notices of ${AUCTIONS} auctions arrived, ${again} of them again`)
    })

    it('should bill once where two instances are told five times each that the ad was shown', async () => {
      const receiver = await bed.own(startReceiver())
      const start = () => bed.own(startInstance({ ...env, WORKER: 'off' }))
      const [a, b] = await Promise.all([start(), start()])
      const auctions = sold(toldAuctions(20, receiver.url, 2))
      const [early, late] = auctions as [Auction, Auction]
      await recordTold(redisUrl, auctions)
      const urls = Array.from({ length: 10 }, (_, index) => (index % 2 ? a : b).graphqlUrl)
      // Nothing has brought it into the database so far.
      const answers = await Promise.all(urls.map((url) => confirm(url, early.id)))
      await bed.own(startWorker(env))
      await vi.waitFor(() => expect(sorted(receiver).length).toBeGreaterThan(auctions.length))
      const laterAnswers = await Promise.all(urls.map((url) => confirm(url, late.id)))
      for (const told of [answers, laterAnswers]) {
        expect(told.map((answer) => answer?.__typename)).toEqual(urls.map(() => 'ImpressionConfirmed'))
        expect(told.filter((answer) => answer?.isFirst)).toHaveLength(1)
      }
      const expected = [
        ...expectedPaths(auctions, ['win', 'loss']),
        ...expectedPaths([early, late], ['billing']),
      ].sort()
      await vi.waitFor(() => expect(sorted(receiver)).toEqual(expected))
      await vi.waitFor(async () =>
        expect(
          await query(databaseUrl, 'SELECT DISTINCT due_at FROM auction_notices WHERE due_at IS NOT NULL'),
        ).toEqual([]),
      )
      expect([...receiver.received].sort()).toEqual(expected)
      expect(await confirm(a.graphqlUrl, early.id)).toMatchObject({ isFirst: false })
    })

    it('should say which auctions cannot be confirmed', async () => {
      const instance = await bed.own(startInstance({ ...env, WORKER: 'off' }))
      const auctions = toldAuctions(30, 'http://dsp.example', 3)
      const unsold = auctions.find(({ winner }) => winner === null) as Auction
      await logTold(databaseUrl, false, [unsold])
      const { id: auctionId } = unsold
      expect(await confirm(instance.graphqlUrl, auctionId)).toMatchObject({
        __typename: 'AuctionNotFoundError',
        auctionId,
      })
      const old = `01800000${auctionId.slice(8)}`
      expect(await confirm(instance.graphqlUrl, old)).toMatchObject({ __typename: 'ConfirmationExpiredError' })
      const { errors } = await execute(instance.graphqlUrl, CONFIRM, { auctionId: 'auction 1' })
      expect(errors?.[0]).toMatchObject({
        message: '"auction 1" is no auction\'s id, which is a UUIDv7.',
        extensions: { code: 'BAD_USER_INPUT' },
      })
    })

    it('should be sent by a service that finds some left, which says how many wait and were given up', async () => {
      const receiver = await bed.own(startReceiver())
      const auctions = toldAuctions(50, receiver.url, 4)
      await logTold(databaseUrl, false, auctions)
      await query(databaseUrl, `INSERT INTO auction_notices_given_up SELECT date_trunc('hour', now()), 'acme', 3`)
      const idle = await bed.own(startInstance({ ...env, WORKER: 'off' }))
      const expected = expectedPaths(auctions, ['win', 'loss'])
      expect((await idle.readiness()).dependencies.notices).toEqual({ status: 'up', due: expected.length, givenUp: 3 })
      await query(databaseUrl, `UPDATE auction_notices SET due_at = due_at - interval '6 minutes'`)
      expect(await idle.readiness()).toMatchObject({
        status: 'degraded',
        dependencies: { notices: { status: 'down', error: expect.stringContaining('auction worker') } },
      })
      const instance = await bed.own(startInstance(env))
      await vi.waitFor(() => expect(sorted(receiver)).toEqual(expected))
      await vi.waitFor(async () =>
        expect((await instance.readiness()).dependencies.notices).toEqual({ status: 'up', due: 0, givenUp: 3 }),
      )
    })
  },
)

/** Has what a killed worker held come again at once: it would in 30 s at the latest, as this makes sure of. */
async function endLeases(databaseUrl: string): Promise<void> {
  const rows = await query(
    databaseUrl,
    `WITH ended AS (
       UPDATE auction_notices SET due_at = due_at - interval '${LEASE_SECONDS} s' WHERE due_at > now() RETURNING due_at
     ) SELECT count(*)::int AS held, coalesce(max(due_at) <= now(), true) AS "isDue" FROM ended`,
  )
  expect(rows).toEqual([{ held: expect.any(Number), isDue: true }])
  expect(rows[0]?.held).toBeGreaterThan(0)
}

const LEASE_SECONDS = 30
