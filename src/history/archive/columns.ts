import type { SchemaElement } from 'hyparquet'
import type { ColumnSource } from 'hyparquet-writer'
import type { ReasonName } from '../../bidders/reasons.ts'
import type { BidderOutcome } from '../../bidders/types.ts'
import type { LoggedAuction } from '../types.ts'
import { toHundredths } from './day-sums.ts'

/**
 * The columns of a day's file: those of auction_log, so that a query of one is a query of the other. Responses are lists
 * of the same length and not one list of structures, since each of the lists can have an encoding of its own: a third of
 * the file is latencies, which take half the room that way. `isFinished` is of the schema as it is written into the file.
 */
export function createSchema({ isFinished }: { readonly isFinished: boolean }): SchemaElement[] {
  return [
    { name: 'auction_log', num_children: COLUMNS.length },
    {
      name: 'id',
      type: 'FIXED_LEN_BYTE_ARRAY',
      type_length: 16,
      repetition_type: 'REQUIRED',
      // The library makes no Bloom filter of a UUID, and one of plain bytes; to readers it is the same.
      ...(isFinished && { logical_type: { type: 'UUID' as const } }),
    },
    {
      name: 'started_at',
      type: 'INT64',
      converted_type: 'TIMESTAMP_MILLIS',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
      repetition_type: 'REQUIRED',
    },
    { name: 'supply_id', ...TEXT, repetition_type: 'REQUIRED' },
    { name: 'country', ...TEXT, repetition_type: 'REQUIRED' },
    { name: 'tmax_ms', type: 'INT32', repetition_type: 'REQUIRED' },
    { name: 'winner_id', ...TEXT, repetition_type: 'OPTIONAL' },
    { name: 'price_micros', type: 'INT64', repetition_type: 'REQUIRED' },
    { name: 'duration_ms', ...HUNDREDTHS, repetition_type: 'REQUIRED' },
    ...list('bidder_ids', { ...TEXT, repetition_type: 'REQUIRED' }),
    ...list('outcomes', { ...TEXT, repetition_type: 'REQUIRED' }),
    ...list('prices_micros', { type: 'INT64', repetition_type: 'OPTIONAL' }),
    ...list('latencies_ms', { ...HUNDREDTHS, repetition_type: 'OPTIONAL' }),
    ...list(REASONS_COLUMN, { ...TEXT, repetition_type: 'OPTIONAL' }),
  ]
}

/** Empty where no response has a reason. Files of earlier versions have no such column. */
export const REASONS_COLUMN = 'reasons'

/** Of a file's columns, in the order in which `toAuction` takes their values. */
export const COLUMNS = [
  'id',
  'started_at',
  'supply_id',
  'country',
  'tmax_ms',
  'winner_id',
  'price_micros',
  'duration_ms',
  'bidder_ids',
  'outcomes',
  'prices_micros',
  'latencies_ms',
  REASONS_COLUMN,
] as const

export function toColumns(auctions: readonly LoggedAuction[]): ColumnSource[] {
  function column(name: (typeof COLUMNS)[number], of: (auction: LoggedAuction) => unknown, options = {}): ColumnSource {
    return { name, data: auctions.map(of), ...options }
  }
  return [
    column('id', ({ id }) => idToBytes(id), { encoding: 'PLAIN', bloomFilter: { fpp: ID_FALSE_POSITIVES } }),
    column('started_at', ({ startedAtMs }) => new Date(startedAtMs), DELTA),
    column('supply_id', ({ supplyId }) => supplyId, DICTIONARY),
    column('country', ({ country }) => country, DICTIONARY),
    column('tmax_ms', ({ tmaxMs }) => tmaxMs, DICTIONARY),
    column('winner_id', ({ winnerId }) => winnerId, DICTIONARY),
    column('price_micros', ({ priceMicros }) => BigInt(priceMicros), DICTIONARY),
    column('duration_ms', ({ durationMs }) => durationMs, DELTA),
    column('bidder_ids', ({ responses }) => responses.map(({ bidderId }) => bidderId), DICTIONARY),
    column('outcomes', ({ responses }) => responses.map(({ outcome }) => outcome), DICTIONARY),
    column('prices_micros', ({ responses }) => responses.map(toPrice), DICTIONARY),
    column('latencies_ms', ({ responses }) => responses.map(({ latencyMs }) => latencyMs), DELTA),
    column(REASONS_COLUMN, toReasons, DICTIONARY),
  ]
}

/** One row, its values in the order of COLUMNS, as `PARSERS` has them read. */
export function toAuction(values: readonly unknown[]): LoggedAuction {
  const [id, startedAtMs, supplyId, country, tmaxMs, winnerId, priceMicros, durationMs, ...lists] = values
  const [bidderIds, outcomes, pricesMicros, latenciesMs, reasons = []] = lists as Lists
  return {
    id: bytesToId(id as Uint8Array),
    startedAtMs: startedAtMs as number,
    supplyId: supplyId as string,
    country: country as string,
    tmaxMs: tmaxMs as number,
    winnerId: (winnerId as string | undefined) ?? null,
    priceMicros: Number(priceMicros),
    durationMs: toMs(durationMs as number),
    responses: bidderIds.map((bidderId, index) => ({
      bidderId,
      outcome: outcomes[index] as BidderOutcome,
      priceMicros: nullable(pricesMicros[index], Number),
      latencyMs: nullable(latenciesMs[index], toMs),
      reason: reasons[index] ?? undefined,
    })),
  }
}

type Lists = [string[], BidderOutcome[], bigint[], number[], reasons?: (ReasonName | null)[]]

/** How values are read that have a type of their own in a file. */
export const PARSERS = {
  uuidFromBytes: (bytes: Uint8Array) => bytes,
  timestampFromMilliseconds: (ms: bigint) => Number(ms),
}

export function idToBytes(id: string): Uint8Array {
  return Buffer.from(id.replaceAll('-', ''), 'hex')
}

export function bytesToId(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function list(name: string, element: Omit<SchemaElement, 'name'>): SchemaElement[] {
  return [
    { name, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' }, repetition_type: 'REQUIRED' },
    { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
    { name: 'element', ...element },
  ]
}

function toPrice({ priceMicros }: { readonly priceMicros: number | null }): bigint | null {
  return priceMicros === null ? null : BigInt(priceMicros)
}

function toReasons({ responses }: LoggedAuction): (ReasonName | null)[] {
  const reasons = responses.map(({ reason }) => reason ?? null)
  return reasons.some((reason) => reason !== null) ? reasons : []
}

function nullable<T>(value: T | null | undefined, convert: (value: T) => number): number | null {
  return value === null || value === undefined ? null : convert(value)
}

/** A decimal is read as what it is a hundredth of, times 0.01, which is not always the nearest number. */
function toMs(ms: number): number {
  return toHundredths(ms) / 100
}

const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } } as const
const HUNDREDTHS = {
  type: 'INT32',
  converted_type: 'DECIMAL',
  logical_type: { type: 'DECIMAL', precision: 9, scale: 2 },
  precision: 9,
  scale: 2,
} as const
const DELTA = { encoding: 'DELTA_BINARY_PACKED' } as const
const DICTIONARY = { encoding: 'RLE_DICTIONARY' } as const
/** How often a row group is looked into for an id that it does not have. */
const ID_FALSE_POSITIVES = 0.01
