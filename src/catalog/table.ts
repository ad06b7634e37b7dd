import { isDeepStrictEqual } from 'node:util'
import { createSettingsTable, NO_SETTINGS } from './settings-table.ts'
import { createSupplyTable, NO_RECORD } from './supply-table.ts'
import type { Bidder, CatalogSnapshot, SupplySettings } from './types.ts'

/** The catalogue in memory, packed: it can be changed, and snapshots look into it. */
export interface CatalogTable {
  /** Adds a bidder or changes it; its number, for as long as it is there. Its `http` stays the same object while it is equal. */
  setBidder(bidder: Bidder): number
  /** Takes over each `http` that is as it was, as an object that clients hold on to. */
  keepHttp(before: ReadonlyMap<string, Bidder>): void
  /** No supply may sell to it any more. */
  deleteBidder(id: string): void
  /** The number of a bidder, undefined where there is none. */
  bidderNumber(id: string): number | undefined
  /**
   * Adds a supply, or changes it as a whole: its bidders to the first `count` of the numbers, in any order, which are
   * sorted, and how it sells to what is stored as a text; undefined: by default.
   */
  setSupply(id: string, bidderNumbers: number[], count: number, settingsText?: string): void
  deleteSupply(id: string): void
  /** Whether so many changes have left memory behind that the whole is better read anew. */
  isWasteful(): boolean
  snapshot(revision: bigint): CatalogSnapshot
}

export function createCatalogTable(): CatalogTable {
  const supplies = createSupplyTable()
  const settings = createSettingsTable()
  const bidders = new Map<string, Bidder>()
  const numbers = new Map<string, number>()
  /** By number; those that were deleted are of no country. */
  const byNumber: Bidder[] = []
  let countries = new Uint32Array(COUNTRIES_MIN)
  /** Whether the numbers are in the order of the ids: so they are where bidders were added in it, as at a start. */
  let isInOrder = true

  return {
    setBidder(bidder) {
      const { id, country } = bidder
      let number = numbers.get(id)
      if (number === undefined) {
        number = byNumber.length
        const last = byNumber.at(-1)
        if (last !== undefined && compareIds(last.id, id) > 0) isInOrder = false
        numbers.set(id, number)
        if (number === countries.length) countries = enlarged(countries)
      }
      put(number, withHttpOf(bidders.get(id), bidder))
      countries[number] = countryCode(country)
      return number
    },

    keepHttp(before) {
      for (const [id, bidder] of bidders) put(numbers.get(id) as number, withHttpOf(before.get(id), bidder))
    },

    deleteBidder(id) {
      const number = numbers.get(id)
      if (number === undefined) return
      bidders.delete(id)
      numbers.delete(id)
      countries[number] = NO_COUNTRY
    },

    bidderNumber: (id) => numbers.get(id),

    setSupply(id, bidderNumbers, count, settingsText) {
      sort(bidderNumbers, count)
      const number = settingsText === undefined ? NO_SETTINGS : settings.hold(settingsText)
      settings.release(supplies.set(id, bidderNumbers, count, number))
    },

    deleteSupply: (id) => settings.release(supplies.delete(id)),

    isWasteful: () => supplies.isWasteful() || byNumber.length > 2 * bidders.size + COUNTRIES_MIN,

    snapshot: (revision) => ({
      revision,
      supplies: supplies.ids,
      bidders,
      eligibleBidders,
      supplySettings,
      biddersOf,
    }),
  }

  function put(number: number, bidder: Bidder): void {
    bidders.set(bidder.id, bidder)
    byNumber[number] = bidder
  }

  function supplySettings(supplyId: string): SupplySettings {
    const record = supplies.find(supplyId)
    return settings.at(record === NO_RECORD ? NO_SETTINGS : supplies.settingsOf(record))
  }

  function eligibleBidders(supplyId: string, country: string): readonly Bidder[] | undefined {
    const record = supplies.find(supplyId)
    if (record === NO_RECORD) return undefined
    const block = supplies.blockOf(record)
    const first = supplies.listOf(record) + 1
    const end = first + (block[first - 1] as number)
    const wanted = countryCode(country)
    let count = 0
    for (let at = first; at < end; at++) if (countries[block[at] as number] === wanted) count++
    // Of the size it needs: one that grows would take more, and an auction holds it for as long as it lasts.
    const eligible: Bidder[] = new Array(count)
    for (let at = first, i = 0; i < count; at++) {
      const number = block[at] as number
      if (countries[number] === wanted) eligible[i++] = byNumber[number] as Bidder
    }
    return eligible
  }

  function biddersOf(supplyId: string): readonly Bidder[] | undefined {
    const record = supplies.find(supplyId)
    if (record === NO_RECORD) return undefined
    const list = supplies.listOf(record)
    const block = supplies.blockOf(record)
    return Array.from(block.subarray(list + 1, list + 1 + (block[list] as number)))
      .filter((number) => countries[number] !== NO_COUNTRY)
      .map((number) => byNumber[number] as Bidder)
  }

  /** By insertion where the list is short, as nearly all are. */
  function sort(list: number[], count: number): void {
    if (count > INSERTION_SORT_MAX) {
      list.length = count
      list.sort((a, b) => (isBefore(a, b) ? -1 : 1))
      return
    }
    for (let end = 1; end < count; end++) {
      const number = list[end] as number
      let at = end
      for (; at > 0 && isBefore(number, list[at - 1] as number); at--) list[at] = list[at - 1] as number
      list[at] = number
    }
  }

  function isBefore(a: number, b: number): boolean {
    return isInOrder ? a < b : compareIds((byNumber[a] as Bidder).id, (byNumber[b] as Bidder).id) < 0
  }
}

const COUNTRIES_MIN = 64
const NO_COUNTRY = 0
const INSERTION_SORT_MAX = 32

/** The bidder, with the other's `http` where its own is equal. */
function withHttpOf(other: Bidder | undefined, bidder: Bidder): Bidder {
  if (bidder.http === undefined || bidder.http === other?.http) return bidder
  return isDeepStrictEqual(bidder.http, other?.http) ? { ...bidder, http: other?.http } : bidder
}

function enlarged(countries: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * countries.length)
  larger.set(countries)
  return larger
}

/** Two letters as one number. */
function countryCode(country: string): number {
  return country.charCodeAt(0) * 0x10000 + country.charCodeAt(1)
}

/** As their bytes in UTF-8, which is by code points: UTF-16 has the surrogates before U+E000 to U+FFFF. */
function compareIds(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let unit = 0; unit < shorter; unit++) {
    const difference = rank(a.charCodeAt(unit)) - rank(b.charCodeAt(unit))
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}
