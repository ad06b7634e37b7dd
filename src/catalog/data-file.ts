import { createReadStream } from 'node:fs'
import { printParseErrorCode, visit } from 'jsonc-parser'
import { countryProblem } from './country.ts'
import { fileProblem, path, quote, syntaxProblem } from './data-file-problems.ts'
import { idProblem } from './id.ts'
import type { BidderHttp, SupplySettings } from './types.ts'

/** What a data file holds, checked: every bidder that a supply names is defined, every id and country is valid. */
export interface CatalogData {
  /** Bidder id to its country (ISO 3166-1 alpha-2, upper case). */
  readonly bidders: ReadonlyMap<string, string>
  /** Supply id to the ids of the bidders it may sell to, each once. A supply may have none yet. */
  readonly supplies: ReadonlyMap<string, readonly string[]>
  /** How bidders are asked over HTTP; those without an entry are simulated. */
  readonly http: ReadonlyMap<string, BidderHttp>
  /** How supplies sell; those without an entry by default. */
  readonly settings: ReadonlyMap<string, SupplySettings>
}

/** A data file that cannot be used; the message is one line and says where and why. */
export class DataFileError extends Error {
  override readonly name = 'DataFileError'
  readonly code = 'DATA_FILE_INVALID'
}

/** The largest file that is read; V8's longest string is little more. A million supplies of 8 bidders take about 200 MB. */
export const MAX_DATA_FILE_BYTES = 500_000_000

/**
 * Reads and checks a data file.
 * @throws DataFileError where the file is missing, unreadable, larger than `maxBytes`, or wrong
 */
export async function readDataFile(path: string, maxBytes = MAX_DATA_FILE_BYTES): Promise<CatalogData> {
  const bytes = await readBytes(path, maxBytes)
  let text: string
  try {
    // Takes a byte order mark away, where there is one.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new DataFileError(`${path} is not UTF-8 text; save it in that encoding.`)
  }
  return parseDataFile(text, path)
}

/**
 * Checks a data file's text, in one pass. The first problem in the file is the one reported.
 * @param fileName what messages call the file
 * @throws DataFileError
 */
export function parseDataFile(text: string, fileName: string): CatalogData {
  const supplies = new Map<string, string[]>()
  const bidders = new Map<string, string>()
  /** Every bidder id that a supply names: one copy of its text, however many supplies name it. */
  const named = new Map<string, NamedBidder>()
  const keysSeen = new Set<string>()
  let section: string | undefined
  let depth = 0
  let id = ''
  let bidderKey: string | undefined
  let country: string | undefined
  let list: string[] | undefined
  let line = 0
  let column = 0

  const json = text.startsWith('\uFEFF') ? text.slice(1) : text

  visit(
    json,
    {
      onObjectBegin(_offset, _length, atLine, atColumn) {
        at(atLine, atColumn)
        if (list !== undefined || depth === 3 || (depth === 2 && section === 'supplies')) failShape('an object')
        depth++
      },
      onObjectEnd(_offset, _length, atLine, atColumn) {
        at(atLine, atColumn)
        depth--
        if (depth === 2) endBidder()
      },
      onArrayBegin(_offset, _length, atLine, atColumn) {
        at(atLine, atColumn)
        if (list !== undefined || depth !== 2 || section !== 'supplies') failShape('a list')
        list = []
        supplies.set(id, list)
      },
      onArrayEnd() {
        list = undefined
      },
      onObjectProperty(key, _offset, _length, atLine, atColumn) {
        at(atLine, atColumn)
        if (depth === 1) beginSection(key)
        else if (depth === 2) beginEntry(key)
        else beginBidderKey(key)
      },
      onLiteralValue(value, _offset, _length, atLine, atColumn) {
        at(atLine, atColumn)
        if (typeof value !== 'string') failShape(value === null ? 'null' : `the ${typeof value} ${value}`)
        else if (list !== undefined) addToList(list, value)
        else if (depth === 3) setCountry(value)
        else failShape('a text')
      },
      onError(code, offset, length, atLine, atColumn) {
        at(atLine, atColumn)
        fail(`${fileName} is not JSON: ${syntaxProblem(printParseErrorCode(code), json, offset, length)}`)
      },
    },
    { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false },
  )

  for (const name of ['supplies', 'bidders']) {
    if (!keysSeen.has(name)) throw new DataFileError(`${fileName}: ${name} is missing.`)
  }
  if (supplies.size === 0) throw new DataFileError(`${fileName}: supplies is empty; define one at least.`)
  for (const [bidderId, { namedBy }] of named) {
    if (bidders.has(bidderId)) continue
    const where = path('supplies', namedBy, (supplies.get(namedBy) ?? []).indexOf(bidderId))
    throw new DataFileError(`${fileName}: ${where} is ${quote(bidderId)}, which is not defined under bidders.`)
  }
  return { supplies, bidders, http: new Map(), settings: new Map() }

  function beginSection(key: string): void {
    if (key !== 'supplies' && key !== 'bidders') failAt(path(key), 'is not known; a file has supplies and bidders')
    if (keysSeen.has(key)) failAt(key, 'is there twice; put both together')
    keysSeen.add(key)
    section = key
  }

  function beginEntry(key: string): void {
    id = key
    const problem = idProblem(key)
    if (problem !== undefined) failAt(path(section, key), problem)
    if (section === 'supplies' ? supplies.has(key) : bidders.has(key)) failAt(path(section, key), 'is defined twice')
  }

  function beginBidderKey(key: string): void {
    bidderKey = key
    if (key !== 'country') failAt(path(section, id, key), 'is not known; a bidder has a country')
    if (country !== undefined) failAt(path(section, id, key), 'is there twice')
  }

  function setCountry(value: string): void {
    const problem = countryProblem(value)
    if (problem !== undefined) failAt(path(section, id, bidderKey), `is ${quote(value)}, and ${problem}`)
    country = value
  }

  function endBidder(): void {
    if (country === undefined) failAt(path(section, id, 'country'), 'is missing')
    bidders.set(id, country)
    country = undefined
    bidderKey = undefined
  }

  function addToList(bidderIds: string[], value: string): void {
    let bidder = named.get(value)
    if (bidder === undefined) {
      bidder = { id: value, namedBy: id, lastNamedBy: undefined }
      named.set(value, bidder)
    }
    if (bidder.lastNamedBy === bidderIds) {
      failAt(path('supplies', id, bidderIds.length), `repeats ${quote(value)}; name each bidder once`)
    }
    bidder.lastNamedBy = bidderIds
    bidderIds.push(bidder.id)
  }

  /** A value of the wrong kind, wherever it is. */
  function failShape(found: string): never {
    if (depth === 0) return fail(`${fileName} must be ${'{"supplies": …, "bidders": …}'}, not ${found}`)
    if (depth === 1) return failAt(path(section), `must be an object, not ${found}`)
    if (list !== undefined) return failAt(path(section, id, list.length), `must be a bidder’s id, not ${found}`)
    if (depth === 3) return failAt(path(section, id, bidderKey), `must be a country code, such as "US", not ${found}`)
    const wanted = section === 'supplies' ? 'a list of bidder ids' : 'an object such as {"country": "US"}'
    return failAt(path(section, id), `must be ${wanted}, not ${found}`)
  }

  function at(atLine: number, atColumn: number): void {
    line = atLine
    column = atColumn
  }

  function failAt(where: string, problem: string): never {
    return fail(`${fileName}: ${where} ${problem}`)
  }

  function fail(message: string): never {
    throw new DataFileError(`${message} (line ${line + 1}, column ${column + 1}).`)
  }
}

interface NamedBidder {
  readonly id: string
  /** The supply that named it first. */
  readonly namedBy: string
  /** The list that named it last, which tells a repetition in constant time. */
  lastNamedBy: string[] | undefined
}

async function readBytes(path: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    // A stream, not the size the file system tells: pipes and devices have none.
    for await (const chunk of createReadStream(path, { highWaterMark: READ_CHUNK_BYTES })) {
      size += chunk.length
      if (size > maxBytes) {
        throw new DataFileError(`${path} is too large: a data file has at most ${maxBytes / 1e6} MB.`)
      }
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof DataFileError) throw error
    throw new DataFileError(fileProblem(path, error), { cause: error })
  }
  return Buffer.concat(chunks, size)
}

const READ_CHUNK_BYTES = 1_048_576
