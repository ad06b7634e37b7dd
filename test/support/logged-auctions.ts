import { createAuctionIds } from '../../src/auction/auction-id.ts'
import type { BidderResponse } from '../../src/bidders/types.ts'
import { draftPath, fileOf, publish } from '../../src/history/archive/archive-dir.ts'
import { dayOf } from '../../src/history/archive/day.ts'
import { readAll } from '../../src/history/archive/read-file.ts'
import { writeFile } from '../../src/history/archive/write-file.ts'
import type { LoggedAuction } from '../../src/history/types.ts'
import { compareIds } from '../../src/id-order.ts'
import { createRandom, type Random } from '../../src/random.ts'
import { NAME_SETS, reasonCodes } from './logged.ts'
import { query } from './postgres.ts'

export const DAY_MS = 86_400_000

/** The beginning of a day of UTC so many days ago. */
export function daysAgo(days: number): number {
  return Math.floor(Date.now() / DAY_MS) * DAY_MS - days * DAY_MS
}

export interface MadeUpOptions {
  readonly count: number
  /** They are spread over this day. */
  readonly startOfDayMs: number
  readonly seed?: number
  /** How many are asked in each; by chance where it is not given. */
  readonly bidders?: number
}

/** Auctions such as simulated bidders make them; some without a bidder, some whose bidders' latencies are not known. */
export function makeUpAuctions({ count, startOfDayMs, seed = 1, bidders }: MadeUpOptions): LoggedAuction[] {
  const random = createRandom(seed)
  const newId = createAuctionIds()
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const times = Array.from({ length: count }, () => startOfDayMs + Math.floor(random() * DAY_MS)).sort((a, b) => a - b)
  return times.map((startedAtMs) => {
    const asked = bidders ?? Math.floor(random() * 9)
    const responses = Array.from({ length: asked }, (_, index) => respond(`bidder-${index}`, random))
    const winning = responses.findIndex(({ outcome }) => outcome === 'LOST')
    const winner = responses[winning]
    if (winner) winner.outcome = 'WON'
    return {
      id: newId(startedAtMs),
      startedAtMs,
      supplyId: pick(SUPPLIES),
      country: pick(COUNTRIES),
      tmaxMs: 200,
      winnerId: winner?.bidderId ?? null,
      priceMicros: winner?.priceMicros ?? 0,
      durationMs: Math.floor(random() * 20_000) / 100,
      responses,
    }
  })
}

/** Writes auctions into the log's table, some of which name their bidders' set; days without a partition get one unless `inDefault`. */
export async function insertAuctions(
  url: string,
  auctions: readonly LoggedAuction[],
  inDefault = false,
): Promise<void> {
  const days = new Set(auctions.map(({ startedAtMs }) => new Date(startedAtMs).toISOString().slice(0, 10)))
  if (!inDefault) for (const day of days) await query(url, 'SELECT auction_log_make_days($1, 1)', [day])
  for (let at = 0; at < auctions.length; at += ROWS_PER_STATEMENT) {
    await query(url, INSERT, [JSON.stringify(auctions.slice(at, at + ROWS_PER_STATEMENT).map(toRow))])
  }
  for (const statement of NAME_SETS) await query(url, statement)
}

/** Makes files of auctions as the archive does, one for each day. */
export async function archiveAuctions(
  directory: string,
  auctions: readonly LoggedAuction[],
  version = 1,
): Promise<void> {
  for (const day of new Set(auctions.map(({ startedAtMs }) => dayOf(startedAtMs)))) {
    const file = fileOf(directory, day, version)
    const ofDay = auctions.filter(({ startedAtMs }) => dayOf(startedAtMs) === day)
    const inOrder = ofDay.toSorted((a, b) => compareIds(a.supplyId, b.supplyId) || (a.id < b.id ? 1 : -1))
    await publish(file, await writeFile(draftPath(file), inTurn(inOrder)))
  }
}

export async function* inTurn(auctions: readonly LoggedAuction[]): AsyncGenerator<LoggedAuction> {
  yield* auctions
}

/** All auctions of an archive's file, in its order. */
export async function readAuctions(path: string): Promise<LoggedAuction[]> {
  const auctions: LoggedAuction[] = []
  for await (const auction of readAll(path)) auctions.push(auction)
  return auctions
}

function respond(bidderId: string, random: Random): BidderResponse {
  const latencyMs = random() < 0.05 ? null : Math.floor(random() * 30_000) / 100
  if (latencyMs === null || latencyMs > 200) return { bidderId, outcome: 'TIMED_OUT', priceMicros: null, latencyMs }
  if (random() < 0.05)
    return { bidderId, outcome: 'SKIPPED', priceMicros: null, latencyMs: null, reason: 'CIRCUIT_OPEN' }
  if (random() < 0.1) return { bidderId, outcome: 'ERROR', priceMicros: null, latencyMs, reason: 'INVALID_JSON' }
  if (random() < 0.3) return { bidderId, outcome: 'NO_BID', priceMicros: null, latencyMs }
  return { bidderId, outcome: 'LOST', priceMicros: (1 + Math.floor(random() * 100)) * 10_000, latencyMs }
}

function toRow({ responses, startedAtMs, ...auction }: LoggedAuction) {
  return {
    ...auction,
    startedAt: new Date(startedAtMs).toISOString(),
    bidderIds: responses.map(({ bidderId }) => bidderId),
    outcomes: responses.map(({ outcome }) => outcome.charAt(0).toLowerCase()),
    prices: responses.map(({ priceMicros }) => priceMicros),
    latencies: responses.map(({ latencyMs }) => latencyMs),
    reasons: reasonCodes({ responses }),
  }
}

const list = (name: string, type: string) =>
  `ARRAY(SELECT value::${type} FROM jsonb_array_elements_text("${name}") WITH ORDINALITY AS t(value, place) ORDER BY place)`
const INSERT = `
  INSERT INTO auction_log (started_at, id, supply_id, country, tmax_ms, winner_id, price_micros, duration_ms, bidder_ids,
    outcomes, prices_micros, latencies_ms, reasons)
  SELECT "startedAt", id, "supplyId", country, "tmaxMs", "winnerId", "priceMicros", "durationMs", ${list('bidderIds', 'text')},
    ${list('outcomes', '"char"')}, ${list('prices', 'bigint')}, ${list('latencies', 'real')},
    CASE WHEN jsonb_typeof(reasons) = 'array' THEN ${list('reasons', 'smallint')} END
  FROM jsonb_to_recordset($1) AS auctions ("startedAt" timestamptz, id uuid, "supplyId" text, country text, "tmaxMs" smallint,
    "winnerId" text, "priceMicros" bigint, "durationMs" real, "bidderIds" jsonb, outcomes jsonb, prices jsonb, latencies jsonb,
    reasons jsonb)`

const ROWS_PER_STATEMENT = 5_000
/** Beyond ASCII, so that the orders of bytes, of UTF-16 and of a language differ. */
const SUPPLIES = [
  'eastern-music-tribune',
  'Zeitung',
  'alpine-news',
  'été',
  '\u{1f4f0}-daily',
  '\u{ffe6}-wire',
  'a_b',
  'a-b',
]
const COUNTRIES = ['US', 'DE', 'JP']
