import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ArchiveReader, createArchiveReader } from '../../src/history/archive/archive-reader.ts'
import type { AuctionFilter, LoggedAuction } from '../../src/history/types.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { archiveAuctions, DAY_MS, makeUpAuctions } from '../support/logged-auctions.ts'

const NOW = Date.UTC(2026, 10, 28, 12)
const FIRST_DAY = Date.UTC(2026, 7, 28)
const GROUP_AUCTIONS = 12_500

describe('the archive’s reader', () => {
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let reader: ArchiveReader
  let errors: string[]

  beforeEach(async () => {
    folder = await createTestFolder()
    errors = []
    reader = read()
  })
  afterEach(() => folder.dispose())

  function read(lookMax?: number): ArchiveReader {
    const onError = ({ message }: Error) => void errors.push(message)
    return createArchiveReader({ directory: folder.path, now: () => NOW, onError, ...(lookMax && { lookMax }) })
  }

  async function archive(days: number, countOfDay: number): Promise<LoggedAuction[]> {
    const auctions = Array.from({ length: days }, (_, day) =>
      makeUpAuctions({ count: countOfDay, startOfDayMs: FIRST_DAY + day * DAY_MS, seed: day + 1 }),
    ).flat()
    await archiveAuctions(folder.path, auctions)
    return auctions.sort((a, b) => (a.id < b.id ? 1 : -1))
  }

  /** All pages of so many, one after the other. */
  async function pages(filter: AuctionFilter, first: number): Promise<LoggedAuction[]> {
    const all: LoggedAuction[] = []
    for (let hasMore = true; hasMore; ) {
      const page = await reader.auctions(filter, { first, after: all.at(-1)?.id })
      expect(page.auctions.length).toBeLessThanOrEqual(first)
      all.push(...page.auctions)
      hasMore = page.hasMore
    }
    return all
  }

  it('should find an auction by its id, in whichever row group it is', async () => {
    const auctions = await archive(2, GROUP_AUCTIONS + 100)
    for (const auction of [auctions[0], auctions[5_000], auctions[20_000], auctions.at(-1)]) {
      expect(await reader.auction(auction?.id.toUpperCase() ?? '')).toEqual(auction)
    }
    const [unknown] = makeUpAuctions({ count: 1, startOfDayMs: FIRST_DAY, seed: 99 })
    expect(await reader.auction(unknown?.id ?? '')).toBeUndefined()
    expect(await reader.auction('0197e4d2-1c00-7000-8000-000000000000')).toBeUndefined()
    expect(await reader.auction('4711')).toBeUndefined()
  })

  it.each<[string, AuctionFilter, (auction: LoggedAuction) => boolean]>([
    ['all', {}, () => true],
    ['of a supply', { supplyId: '\u{1f4f0}-daily' }, ({ supplyId }) => supplyId === '\u{1f4f0}-daily'],
    ['of a supply that is none', { supplyId: 'm' }, () => false],
    ['of a bidder', { bidderId: 'bidder-6' }, ({ responses }) => responses.some((one) => one.bidderId === 'bidder-6')],
    ['of a country', { country: 'DE' }, ({ country }) => country === 'DE'],
    ['that were sold', { isSold: true }, ({ winnerId }) => winnerId !== null],
    ['that were not sold', { isSold: false }, ({ winnerId }) => winnerId === null],
    [
      'of a time, a supply and a country',
      { fromMs: FIRST_DAY + DAY_MS / 3, toMs: FIRST_DAY + 2.5 * DAY_MS, supplyId: 'a-b', country: 'JP' },
      ({ startedAtMs, supplyId, country }) =>
        startedAtMs >= FIRST_DAY + DAY_MS / 3 &&
        startedAtMs < FIRST_DAY + 2.5 * DAY_MS &&
        supplyId === 'a-b' &&
        country === 'JP',
    ],
  ])('should page through auctions %s, the newest first', async (_name, filter, fits) => {
    const auctions = await archive(3, 150)
    const expected = auctions.filter(fits)

    expect(await pages({ fromMs: 0, ...filter }, 17)).toEqual(expected)
    expect(await reader.auctions({ fromMs: 0, ...filter }, { first: 1000 })).toEqual({
      auctions: expected,
      hasMore: false,
    })
  })

  it('should look back as far as the log does where no beginning is given', async () => {
    const auctions = await archive(4, 20)
    const recent = auctions.filter(({ startedAtMs }) => startedAtMs >= NOW - 90 * DAY_MS)
    expect(recent.length).toBeLessThan(auctions.length)
    expect(await reader.auctions({}, { first: 100 })).toEqual({ auctions: recent, hasMore: false })
  })

  it('should look through a bounded number, of which a page of one supply needs few', async () => {
    const auctions = await archive(2, 2 * GROUP_AUCTIONS)
    const bounded = read(2 * GROUP_AUCTIONS)
    const ofSupply = auctions.filter(({ supplyId }) => supplyId === 'Zeitung')

    const page = await bounded.auctions({ fromMs: 0, supplyId: 'Zeitung' }, { first: 100 })
    expect(page).toEqual({ auctions: ofSupply.slice(0, 100), hasMore: true })
    // The second day is past the bound: the page ends with the first.
    const start = FIRST_DAY + DAY_MS
    const newest = auctions.filter(({ startedAtMs }) => startedAtMs >= start)
    const few = { fromMs: 0, toMs: newest.at(-5)?.startedAtMs ?? 0 }
    expect(await bounded.auctions(few, { first: 100 })).toMatchObject({ auctions: newest.slice(-4), hasMore: true })
    await expect(read(1_000).auctions({ fromMs: 0 }, { first: 1 })).rejects.toThrow(/^None of the newest 1000 archived/)
  })

  it('should name a file that was cut short or altered, and read nothing of it', async () => {
    const auctions = await archive(2, 100)
    const path = join(folder.path, 'auctions-2026-08-29.parquet')
    const bytes = await readFile(path)
    const [newest, oldest] = [auctions[0], auctions.at(-1)]
    const altered = Buffer.from(bytes)
    altered.writeUInt8(bytes.readUInt8(500) ^ 1, 500)

    await writeFile(path, altered)
    await expect(reader.auction(newest?.id ?? '')).rejects.toMatchObject({ code: 'ARCHIVE_FILE_DAMAGED' })
    expect(errors).toEqual([expect.stringContaining(`${path} was altered or cut short (its checksum is another)`)])
    await expect(reader.auctions({ fromMs: 0 }, { first: 1 })).rejects.toThrow(path)
    await truncate(path, 500)
    await expect(reader.auction(newest?.id ?? '')).rejects.toThrow(`${path} was altered or cut short (it has 500 bytes`)
    // Other days are read.
    expect(await reader.auction(oldest?.id ?? '')).toEqual(oldest)
    await writeFile(path, bytes)
    expect(await reader.auction(newest?.id ?? '')).toEqual(newest)
  })

  it('should read the newest version of a day', async () => {
    const auctions = await archive(1, 100)
    expect(await reader.auction(auctions[0]?.id ?? '')).toEqual(auctions[0])
    const more = makeUpAuctions({ count: 10, startOfDayMs: FIRST_DAY, seed: 7 })
    await archiveAuctions(folder.path, [...auctions, ...more], 2)

    expect(await reader.auction(more[0]?.id ?? '')).toEqual(more[0])
    expect((await reader.auctions({ fromMs: 0 }, { first: 1000 })).auctions).toHaveLength(110)
    expect(await reader.endMs()).toBe(FIRST_DAY + DAY_MS)
  })

  it('should have no auction where there is no folder yet', async () => {
    await folder.dispose()
    expect(await reader.auctions({ fromMs: 0 }, { first: 1 })).toEqual({ auctions: [], hasMore: false })
    expect(await reader.endMs()).toBeUndefined()
  })
})
