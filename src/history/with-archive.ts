import type { ArchiveReader } from './archive/archive-reader.ts'
import { type AuctionHistory, type FoundAuctions, HistoryError } from './types.ts'

/**
 * A history with the archived days behind it. A day is in one of the two, but for what came late for an archived day, and
 * for the moment in which a day is moved: an auction that both have comes once.
 */
export function withArchive(history: AuctionHistory, archive: ArchiveReader): AuctionHistory {
  return {
    ...history,
    auction: async (id) => (await history.auction(id)) ?? archive.auction(id),
    async auctions(filter, page) {
      const warm = await history.auctions(filter, page)
      if (warm.hasMore && (await isBefore(archive, warm))) return warm
      try {
        return merge(warm, await archive.auctions(filter, page), page.first)
      } catch (error) {
        // There are some to begin with; whoever asks for those after them is told.
        if (error instanceof HistoryError && warm.auctions.length > 0) return { ...warm, hasMore: true }
        throw error
      }
    },
    async stats(query) {
      const endMs = query.granularity === 'MINUTE' ? await archive.endMs() : undefined
      if (endMs !== undefined && query.fromMs < endMs) throw archivedMinutes(endMs)
      return history.stats(query)
    },
  }
}

/** Hours and days are kept in the database; minutes are added up from auctions, and would be zeros. */
function archivedMinutes(endMs: number): HistoryError {
  const end = new Date(endMs).toISOString()
  return new HistoryError(
    'RANGE_TOO_LARGE',
    `Auctions before ${end} are archived: take HOUR, or begin by minute there.`,
  )
}

/** Whether all that is archived is older than a page. */
async function isBefore(archive: ArchiveReader, { auctions }: FoundAuctions): Promise<boolean> {
  const endMs = await archive.endMs()
  const oldest = auctions.at(-1)
  return endMs === undefined || (oldest !== undefined && endMs <= oldest.startedAtMs)
}

/** The newest of both. Where one of them has more, nothing is known of the other's that come after its last. */
function merge(warm: FoundAuctions, archived: FoundAuctions, first: number): FoundAuctions {
  const all = new Map([...archived.auctions, ...warm.auctions].map((auction) => [auction.id, auction]))
  const ends = [warm, archived].flatMap(({ auctions, hasMore }) => (hasMore ? (auctions.at(-1)?.id ?? []) : []))
  const end = ends.sort().at(-1) ?? ''
  const known = [...all.values()].filter(({ id }) => id >= end).sort((a, b) => (a.id < b.id ? 1 : -1))
  return { auctions: known.slice(0, first), hasMore: ends.length > 0 || known.length > first }
}
