import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LoggedAuction } from '../../src/history/types.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { dataOf, execute } from '../support/graphql.ts'
import { type Instance, runAuctionCommand, startInstance } from '../support/instance.ts'
import { archiveAuctions, daysAgo, makeUpAuctions } from '../support/logged-auctions.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'

const AUCTION = 'query ($id: ID!) { auction(id: $id) { id supplyId startedAt responses { bidderId latencyMs } } }'
const AUCTIONS = `query ($from: DateTime, $after: String) {
  auctions(from: $from, supplyId: "Zeitung", first: 3, after: $after) {
    nodes { id }
    pageInfo { hasNextPage endCursor }
  }
}`

interface AuctionsData {
  readonly auctions: {
    readonly nodes: readonly { readonly id: string }[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string }
  }
}

describe('a service with an archive', () => {
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let env: { DATA_DIR: string; ARCHIVE_DIR: string }
  let instance: Instance
  let auctions: LoggedAuction[]

  beforeEach(async () => {
    folder = await createTestFolder()
    auctions = makeUpAuctions({ count: 100, startOfDayMs: daysAgo(120) }).reverse()
    await archiveAuctions(folder.path, auctions)
    env = { DATA_DIR: join(folder.path, 'data'), ARCHIVE_DIR: folder.path }
    await makeMigratedDataDir(env.DATA_DIR)
    instance = await startInstance(env)
  })
  afterEach(async () => {
    await instance.dispose()
    await folder.dispose()
  })

  it('should show archived auctions as those of its database', async () => {
    const [wanted] = auctions as [LoggedAuction]
    expect(await dataOf(instance.graphqlUrl, AUCTION, { id: wanted.id })).toEqual({
      auction: {
        id: wanted.id,
        supplyId: wanted.supplyId,
        startedAt: new Date(wanted.startedAtMs).toISOString(),
        responses: wanted.responses.map(({ bidderId, latencyMs }) => ({ bidderId, latencyMs })),
      },
    })
    const ids = auctions.filter(({ supplyId }) => supplyId === 'Zeitung').map(({ id }) => id)
    const from = new Date(daysAgo(121)).toISOString()
    const found: string[] = []
    for (let after: string | null = null; found.length < ids.length; ) {
      const { auctions: page }: AuctionsData = await dataOf(instance.graphqlUrl, AUCTIONS, { from, after })
      found.push(...page.nodes.map(({ id }) => id))
      expect(page.pageInfo.hasNextPage).toBe(found.length < ids.length)
      after = page.pageInfo.endCursor
    }
    expect(found).toEqual(ids)
    expect(await runAuctionCommand(['show', wanted.id], env)).toContain(`Auction for ${wanted.supplyId}`)
  })

  it('should say that a damaged day cannot be read, and which file it is in its log alone', async () => {
    const [wanted] = auctions as [LoggedAuction]
    const day = new Date(wanted.startedAtMs).toISOString().slice(0, 10)
    await truncate(join(folder.path, `auctions-${day}.parquet`), 1_000)

    const { errors } = await execute(instance.graphqlUrl, AUCTION, { id: wanted.id })
    expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(['ARCHIVE_UNAVAILABLE'])
    expect(JSON.stringify(errors)).not.toContain(folder.path)
    // The log comes by a way of its own.
    await vi.waitFor(() => {
      const line = instance.log.find(({ msg }) => msg.includes('was altered or cut short'))
      expect(line?.msg ?? '').toContain(folder.path)
    })
  })
})
