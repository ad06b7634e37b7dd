import { compareIds } from '../../id-order.ts'
import type { AuctionFilter, LoggedAuction } from '../types.ts'
import { bytesToId, idToBytes } from './columns.ts'
import { columnOf, type FileGroup, type OpenFile, portionsOf } from './read-file.ts'

/** The row groups of a file that may have auctions which fit, by their statistics. */
export function groupsOf(file: OpenFile, filter: AuctionFilter): readonly FileGroup[] {
  const { supplyId, bidderId, country, fromMs = 0, toMs = Infinity } = filter
  return file.groups.filter(
    (group) =>
      mayHaveText(group, 'supply_id', supplyId) &&
      mayHaveText(group, 'country', country) &&
      mayHaveText(group, 'bidder_ids', bidderId) &&
      hasTimes(group, fromMs, toMs),
  )
}

/**
 * The newest auctions of some row groups that fit, by their ids.
 * @param before only those whose ids come before this one
 */
export async function findAuctions(
  file: OpenFile,
  groups: readonly FileGroup[],
  filter: AuctionFilter,
  { limit, before }: { readonly limit: number; readonly before: string | undefined },
): Promise<LoggedAuction[]> {
  let newest: Candidate[] = []
  for (const group of groups) {
    for (const [start, end] of portionsOf(group)) newest.push(...(await fitting(file, start, end, filter, before)))
    newest = newest.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit)
    // A supply's auctions are one after the other, the newest first.
    if (filter.supplyId !== undefined && newest.length === limit) break
  }
  const auctions = new Map<string, LoggedAuction>()
  for (const [start, end] of toRanges(newest.map(({ row }) => row))) {
    for (const auction of await file.readAuctions(start, end)) auctions.set(auction.id, auction)
  }
  return newest.flatMap(({ id }) => auctions.get(id) ?? [])
}

interface Candidate {
  readonly id: string
  /** Its number in the file. */
  readonly row: number
}

/** Reads the columns alone that the filter is about. */
async function fitting(
  file: OpenFile,
  start: number,
  end: number,
  { supplyId, bidderId, country, isSold, fromMs = 0, toMs = Infinity }: AuctionFilter,
  before: string | undefined,
): Promise<Candidate[]> {
  const beforeBytes = before === undefined ? undefined : idToBytes(before)
  const tests: [column: string, fits: (value: unknown) => boolean][] = [
    ['id', (value) => isBetween(value as Uint8Array, fromMs, toMs, beforeBytes)],
  ]
  if (supplyId !== undefined) tests.push(['supply_id', (value) => value === supplyId])
  if (country !== undefined) tests.push(['country', (value) => value === country])
  if (isSold !== undefined) tests.push(['winner_id', (value) => (value !== null && value !== undefined) === isSold])
  if (bidderId !== undefined) tests.push(['bidder_ids', (value) => (value as readonly string[]).includes(bidderId)])
  const columns = tests.map(([column]) => column)
  const rows = await file.readRows(columns, start, end)
  return rows.flatMap((values, index) =>
    tests.every(([, fits], column) => fits(values[column]))
      ? [{ id: bytesToId(values[0] as Uint8Array), row: start + index }]
      : [],
  )
}

/** By the time that an id has in it, which is the auction's. */
function isBetween(id: Uint8Array, fromMs: number, toMs: number, before: Uint8Array | undefined): boolean {
  const ms = Buffer.from(id.buffer, id.byteOffset, TIME_BYTES).readUIntBE(0, TIME_BYTES)
  return ms >= fromMs && ms < toMs && (before === undefined || Buffer.compare(id, before) < 0)
}

function mayHaveText(group: FileGroup, column: string, text: string | undefined): boolean {
  const { min_value: min, max_value: max } = columnOf(group, column).statistics ?? {}
  if (text === undefined || typeof min !== 'string' || typeof max !== 'string') return true
  return compareIds(text, min) >= 0 && compareIds(text, max) <= 0
}

function hasTimes(group: FileGroup, fromMs: number, toMs: number): boolean {
  const { min_value: min, max_value: max } = columnOf(group, 'started_at').statistics ?? {}
  if (!(min instanceof Date) || !(max instanceof Date)) return true
  return max.getTime() >= fromMs && min.getTime() < toMs
}

/** Rows that are near each other are read together: they are of one page of the file. */
function toRanges(rows: readonly number[]): [start: number, end: number][] {
  const ranges: [number, number][] = []
  for (const row of rows.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last && row - last[1] < ROWS_APART_MAX) last[1] = row + 1
    else ranges.push([row, row + 1])
  }
  return ranges
}

const TIME_BYTES = 6
const ROWS_APART_MAX = 100
