import { describe, expect, it } from 'vitest'
import type { ArchiveReader } from '../../src/history/archive/archive-reader.ts'
import { type AuctionHistory, HistoryError, type LoggedAuction } from '../../src/history/types.ts'
import { withArchive } from '../../src/history/with-archive.ts'
import fc from '../support/fast-check.ts'
import { makeUpAuctions } from '../support/logged-auctions.ts'

const AUCTIONS = makeUpAuctions({ count: 30, startOfDayMs: 0 }).reverse()

/** Answers with as many as it looks at, where that is fewer than a page. */
function historyOf(auctions: readonly LoggedAuction[], lookMax: number): AuctionHistory {
  return {
    auction: async (id) => auctions.find((auction) => auction.id === id),
    async auctions(_filter, { first, after }) {
      const rest = auctions.filter(({ id }) => after === undefined || id < after)
      const size = Math.min(first, lookMax)
      if (lookMax === 0 && rest.length > 0) throw new HistoryError('RANGE_TOO_LARGE', 'none fits')
      return { auctions: rest.slice(0, size), hasMore: rest.length > size }
    },
    stats: async () => [],
  }
}

function archiveOf(auctions: readonly LoggedAuction[], lookMax = 100): ArchiveReader & { asked: number } {
  const { auction, auctions: find } = historyOf(auctions, lookMax)
  const archive = {
    asked: 0,
    auction: (id: string) => {
      archive.asked += 1
      return auction(id)
    },
    auctions: (...args: Parameters<typeof find>) => {
      archive.asked += 1
      return find(...args)
    },
    endMs: async () => auctions[0] && Math.ceil(auctions[0].startedAtMs / 1000) * 1000,
  }
  return archive
}

async function allPages(history: AuctionHistory, first: number): Promise<string[]> {
  const ids: string[] = []
  for (let hasMore = true; hasMore; ) {
    const page = await history.auctions({}, { first, after: ids.at(-1) })
    ids.push(...page.auctions.map(({ id }) => id))
    hasMore = page.hasMore
    if (ids.length > AUCTIONS.length) break
  }
  return ids
}

describe('a history with an archive', () => {
  it('should page through both as through one, whichever has what, each auction once', async () => {
    const places = fc.array(fc.constantFrom('warm', 'archive', 'both'), {
      minLength: AUCTIONS.length,
      maxLength: AUCTIONS.length,
    })
    const sizes = fc.integer({ min: 1, max: 12 })
    await fc.assert(
      fc.asyncProperty(places, sizes, sizes, sizes, async (place, first, warmLookMax, archiveLookMax) => {
        const warm = historyOf(
          AUCTIONS.filter((_, index) => place[index] !== 'archive'),
          warmLookMax,
        )
        const archive = archiveOf(
          AUCTIONS.filter((_, index) => place[index] !== 'warm'),
          archiveLookMax,
        )
        expect(await allPages(withArchive(warm, archive), first)).toEqual(AUCTIONS.map(({ id }) => id))
      }),
    )
  })

  it('should not read the archive for a page that is newer than all of it', async () => {
    const archive = archiveOf(AUCTIONS.slice(20))
    const history = withArchive(historyOf(AUCTIONS.slice(0, 20), 100), archive)

    expect(await history.auctions({}, { first: 5 })).toEqual({ auctions: AUCTIONS.slice(0, 5), hasMore: true })
    expect(await history.auction(AUCTIONS[3]?.id ?? '')).toEqual(AUCTIONS[3])
    expect(archive.asked).toBe(0)
    expect(await history.auction(AUCTIONS[25]?.id ?? '')).toEqual(AUCTIONS[25])
    expect(archive.asked).toBe(1)
  })

  it('should refuse statistics by minute of archived days, which are in the database by hour alone', async () => {
    const history = withArchive(historyOf([], 100), archiveOf(AUCTIONS))
    const endMs = (await archiveOf(AUCTIONS).endMs()) ?? 0
    const query = { fromMs: endMs - 60_000, toMs: endMs + 60_000, groupBy: [], bucketsMax: 10 }

    await expect(history.stats({ ...query, granularity: 'MINUTE' })).rejects.toMatchObject({
      code: 'RANGE_TOO_LARGE',
      message: expect.stringContaining(`Auctions before ${new Date(endMs).toISOString()} are archived: take HOUR`),
    })
    expect(await history.stats({ ...query, fromMs: endMs, granularity: 'MINUTE' })).toEqual([])
    expect(await history.stats({ ...query, granularity: 'HOUR' })).toEqual([])
  })

  it('should give what the database has before it says that nothing of the archive fits', async () => {
    const history = withArchive(historyOf(AUCTIONS.slice(0, 3), 100), archiveOf(AUCTIONS.slice(3), 0))

    expect(await history.auctions({}, { first: 5 })).toEqual({ auctions: AUCTIONS.slice(0, 3), hasMore: true })
    await expect(history.auctions({}, { first: 5, after: AUCTIONS[2]?.id })).rejects.toThrow('none fits')
  })
})
