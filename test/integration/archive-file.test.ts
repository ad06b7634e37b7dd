import { writeFile as writeFileBytes } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { SchemaElement } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COLUMNS, createSchema, toColumns } from '../../src/history/archive/columns.ts'
import { openFile } from '../../src/history/archive/read-file.ts'
import { writeFile } from '../../src/history/archive/write-file.ts'
import type { LoggedAuction } from '../../src/history/types.ts'
import { createTestFolder } from '../support/embedded-database.ts'
import { inTurn, makeUpAuctions, readAuctions } from '../support/logged-auctions.ts'

const START_OF_DAY_MS = Date.UTC(2026, 7, 30)

describe('a day’s file', () => {
  let folder: Awaited<ReturnType<typeof createTestFolder>>
  let path: string

  beforeEach(async () => {
    folder = await createTestFolder()
    path = join(folder.path, 'auctions.parquet')
  })
  afterEach(() => folder.dispose())

  async function write(count: number): Promise<LoggedAuction[]> {
    const auctions = makeUpAuctions({ count, startOfDayMs: START_OF_DAY_MS })
    await writeFile(path, inTurn(auctions))
    return auctions
  }

  it('should give back what was written, all of it and any part', async () => {
    const auctions = await write(13_000)

    expect((await readAuctions(path)).findIndex((auction, index) => !isSame(auction, auctions[index]))).toBe(-1)
    const file = await openFile(path)
    expect(file.groups.map(({ start, end }) => [start, end])).toEqual([
      [0, 12_500],
      [12_500, 13_000],
    ])
    for (const [start, end] of [
      [0, 1],
      [4_711, 4_713],
      [12_499, 12_502],
      [12_999, 13_000],
    ] as const) {
      expect(await file.readAuctions(start, end)).toEqual(auctions.slice(start, end))
    }
    await file.dispose()
  })

  it('should be read by DuckDB as it is, with types of its own and lists', async () => {
    const auctions = await write(3_000)
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson()
    try {
      await connection.run(`SET TimeZone = 'UTC'; CREATE VIEW auction_log AS FROM '${path}'`)

      const columns = await rows('DESCRIBE auction_log')
      expect(columns.map(({ column_name: name, column_type: type }) => `${name} ${type}`)).toEqual([
        'id UUID',
        'started_at TIMESTAMP WITH TIME ZONE',
        'supply_id VARCHAR',
        'country VARCHAR',
        'tmax_ms INTEGER',
        'winner_id VARCHAR',
        'price_micros BIGINT',
        'duration_ms DECIMAL(9,2)',
        'bidder_ids VARCHAR[]',
        'outcomes VARCHAR[]',
        'prices_micros BIGINT[]',
        'latencies_ms DECIMAL(9,2)[]',
        'reasons VARCHAR[]',
      ])
      // More than DuckDB reads at once, so that it skips by statistics and Bloom filter what has not the id.
      const { id } = auctions[2_900] as LoggedAuction
      expect(await rows(`SELECT * FROM auction_log WHERE id = '${id}'`)).toEqual([toRow(auctions[2_900])])
      expect(await rows('SELECT * FROM auction_log ORDER BY id')).toEqual(auctions.map(toRow))

      const responses = await rows(`
        SELECT bidder_id, count(*)::int AS asked, (count(*) FILTER (WHERE outcome = 'WON'))::int AS wins,
          sum(price_micros)::double AS bids, max(latency_ms)::double AS slowest
        FROM (SELECT unnest(bidder_ids) AS bidder_id, unnest(outcomes) AS outcome, unnest(prices_micros) AS price_micros,
          unnest(latencies_ms) AS latency_ms FROM auction_log)
        GROUP BY bidder_id ORDER BY bidder_id`)
      expect(responses).toEqual(byBidder(auctions))
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  })

  it('should be read where it was written before there were reasons', async () => {
    const auctions = makeUpAuctions({ count: 100, startOfDayMs: START_OF_DAY_MS })
    const schema = createSchema({ isFinished: true }).slice(0, -3)
    const [root, ...columns] = schema as [SchemaElement, ...SchemaElement[]]
    const writer = new ByteWriter()
    const earlier = new ParquetWriter({ writer, schema: [{ ...root, num_children: COLUMNS.length - 1 }, ...columns] })
    await earlier.write({
      columnData: toColumns(auctions)
        .slice(0, -1)
        .map(({ bloomFilter: _, ...column }) => column),
    })
    await earlier.finish()
    await writeFileBytes(path, writer.getBytes())

    const read = await readAuctions(path)
    expect(read.flatMap(({ responses }) => responses).some(({ outcome }) => outcome === 'ERROR')).toBe(true)
    expect(read).toEqual(
      auctions.map((auction) => ({ ...auction, responses: auction.responses.map(({ reason: _, ...rest }) => rest) })),
    )
  })

  it('should have at most 60 bytes for each auction of eight responses', async () => {
    const auctions = makeUpAuctions({ count: 40_000, startOfDayMs: START_OF_DAY_MS, bidders: 8 })
    auctions.sort((a, b) => (a.supplyId < b.supplyId ? -1 : a.supplyId > b.supplyId ? 1 : a.id < b.id ? 1 : -1))
    const { bytes } = await writeFile(path, inTurn(auctions))

    expect(bytes / auctions.length).toBeLessThan(60)
  })
})

function isSame(a: LoggedAuction, b: LoggedAuction | undefined): boolean {
  return b !== undefined && JSON.stringify(a) === JSON.stringify({ ...a, ...b })
}

/** As DuckDB writes it in JSON. */
function toRow(auction: LoggedAuction | undefined) {
  if (auction === undefined) return undefined
  const { id, startedAtMs, supplyId, country, tmaxMs, winnerId, priceMicros, durationMs, responses } = auction
  return {
    id,
    started_at: `${new Date(startedAtMs)
      .toISOString()
      .replace('T', ' ')
      .replace(/\.?0*Z$/, '')}+00`,
    supply_id: supplyId,
    country,
    tmax_ms: tmaxMs,
    winner_id: winnerId,
    price_micros: String(priceMicros),
    duration_ms: durationMs.toFixed(2),
    bidder_ids: responses.map(({ bidderId }) => bidderId),
    outcomes: responses.map(({ outcome }) => outcome),
    prices_micros: responses.map(({ priceMicros: bid }) => (bid === null ? null : String(bid))),
    latencies_ms: responses.map(({ latencyMs }) => latencyMs?.toFixed(2) ?? null),
    reasons: responses.some(({ reason }) => reason) ? responses.map(({ reason }) => reason ?? null) : [],
  }
}

function byBidder(auctions: readonly LoggedAuction[]) {
  const responses = auctions.flatMap((auction) => auction.responses)
  const ids = [...new Set(responses.map(({ bidderId }) => bidderId))].sort()
  return ids.map((id) => {
    const own = responses.filter(({ bidderId }) => bidderId === id)
    return {
      bidder_id: id,
      asked: own.length,
      wins: own.filter(({ outcome }) => outcome === 'WON').length,
      bids: own.reduce((sum, { priceMicros }) => sum + (priceMicros ?? 0), 0),
      slowest: Math.max(...own.map(({ latencyMs }) => latencyMs ?? 0)),
    }
  })
}
