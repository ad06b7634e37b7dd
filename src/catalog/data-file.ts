import { printParseErrorCode, visit } from 'jsonc-parser'
import { createBidderReader } from './bidder-entry.ts'
import { kindOf } from './data-file-checks.ts'
import { path, quote, syntaxProblem } from './data-file-problems.ts'
import { createTreeBuilder, type Fail, type Node, type Place, type TreeBuilder } from './data-file-tree.ts'
import type { Variables } from './header-variables.ts'
import { idProblem } from './id.ts'
import { readSupply } from './supply-entry.ts'
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

/**
 * Checks a data file's text, in one pass. The first problem in the file is the one reported; within a bidder or a supply
 * that is an object, what is no JSON comes first.
 * @param fileName what messages call the file
 * @param variables those of the environment, which headers may refer to
 * @throws DataFileError
 */
export function parseDataFile(text: string, fileName: string, variables: Variables = {}): CatalogData {
  const supplies = new Map<string, string[]>()
  const bidders = new Map<string, string>()
  const http = new Map<string, BidderHttp>()
  const settings = new Map<string, SupplySettings>()
  const knownSettings = new Map<string, SupplySettings>()
  const readBidder = createBidderReader(variables)
  /** Every bidder id that a supply names: one copy of its text, however many supplies name it. */
  const named = new Map<string, NamedBidder>()
  const sections = new Map<string, Place>()
  /** The section that is read, the supply or bidder in it, and what that is where it is an object. */
  let section: Place | undefined
  let entry: Place | undefined
  let tree: TreeBuilder | undefined
  let list: string[] | undefined
  let depth = 0
  let line = 0
  let column = 0

  const json = text.startsWith('\uFEFF') ? text.slice(1) : text

  visit(
    json,
    {
      onObjectBegin(_offset, _length, atLine, atColumn) {
        at(atLine, atColumn)
        depth++
        if (tree !== undefined) tree.begin(new Map(), line, column)
        else if (depth === 3 && list === undefined) beginTree(new Map())
        else if (depth > 2) failShape(new Map())
      },
      onObjectEnd() {
        depth--
        endInTree()
      },
      onArrayBegin(_offset, _length, atLine, atColumn) {
        at(atLine, atColumn)
        if (tree !== undefined) tree.begin([], line, column)
        else if (depth === 2 && section?.key === 'supplies' && list === undefined) list = addSupply()
        else failShape([])
      },
      onArrayEnd() {
        if (tree === undefined) list = undefined
        else endInTree()
      },
      onObjectProperty(key, _offset, _length, atLine, atColumn) {
        at(atLine, atColumn)
        if (tree !== undefined) tree.name(key, line, column)
        else if (depth === 1) beginSection(key)
        else beginEntry(key)
      },
      onLiteralValue(value, _offset, _length, atLine, atColumn) {
        at(atLine, atColumn)
        if (tree !== undefined) tree.literal(value, line, column)
        else if (list === undefined || typeof value !== 'string') failShape(value)
        else addToList(list, value)
      },
      onError(code, offset, length, atLine, atColumn) {
        at(atLine, atColumn)
        end(`${fileName} is not JSON: ${syntaxProblem(printParseErrorCode(code), json, offset, length)}`, {
          line,
          column,
        })
      },
    },
    { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false },
  )

  for (const name of ['supplies', 'bidders']) {
    if (!sections.has(name)) throw new DataFileError(`${fileName}: ${name} is missing.`)
  }
  if (supplies.size === 0) throw new DataFileError(`${fileName}: supplies is empty; define one at least.`)
  for (const [bidderId, { place }] of named) {
    if (!bidders.has(bidderId)) fail(place, `is ${quote(bidderId)}, which is not defined under bidders`)
  }
  return { supplies, bidders, http, settings }

  function beginSection(key: string): void {
    section = here(key)
    if (key !== 'supplies' && key !== 'bidders') fail(section, 'is not known; a file has supplies and bidders')
    if (sections.has(key)) fail(section, 'is there twice; put both together')
    sections.set(key, section)
  }

  function beginEntry(key: string): void {
    entry = here(key, section)
    const problem = idProblem(key)
    if (problem !== undefined) fail(entry, problem)
    if (section?.key === 'supplies' ? supplies.has(key) : bidders.has(key)) fail(entry, 'is defined twice')
  }

  function beginTree(value: Node['value'] & object): void {
    tree = createTreeBuilder(entry as Place, fail)
    tree.begin(value, line, column)
  }

  function endInTree(): void {
    const node = tree?.end()
    if (node === undefined) return
    tree = undefined
    if (section?.key === 'bidders') addBidder(node)
    else addSupplyOf(node)
  }

  function addBidder(node: Node): void {
    const bidder = readBidder(node, fail)
    const id = node.key as string
    bidders.set(id, bidder.country)
    if (bidder.http !== undefined) http.set(id, bidder.http)
  }

  function addSupplyOf(node: Node): void {
    const supply = readSupply(node, fail, knownSettings)
    const bidderIds = addSupply()
    for (const child of supply.bidders) {
      if (typeof child.value !== 'string') fail(child, `must be a bidder’s id, not ${kindOf(child)}`)
      addToList(bidderIds, child.value, child)
    }
    if (supply.settings !== undefined) settings.set(node.key as string, supply.settings)
  }

  function addSupply(): string[] {
    const bidderIds: string[] = []
    supplies.set(entry?.key as string, bidderIds)
    return bidderIds
  }

  function addToList(bidderIds: string[], value: string, place?: Place): void {
    let bidder = named.get(value)
    if (bidder === undefined) {
      bidder = { id: value, place: place ?? here(bidderIds.length, entry), lastNamedBy: undefined }
      named.set(value, bidder)
    }
    if (bidder.lastNamedBy === bidderIds) {
      fail(place ?? here(bidderIds.length, entry), `repeats ${quote(value)}; name each bidder once`)
    }
    bidder.lastNamedBy = bidderIds
    bidderIds.push(bidder.id)
  }

  /** A value of the wrong kind, outside of the objects that say what a bidder or a supply is. */
  function failShape(value: Node['value']): never {
    const found = kindOf({ value })
    if (depth === 0)
      return end(`${fileName} must be ${'{"supplies": …, "bidders": …}'}, not ${found}`, { line, column })
    if (list !== undefined) return fail(here(list.length, entry), `must be a bidder’s id, not ${found}`)
    if (depth === 1) return fail({ ...(section as Place), line, column }, `must be an object, not ${found}`)
    const wanted =
      section?.key === 'supplies'
        ? 'a list of bidder ids, or an object such as {"bidders": ["acme"], "floor": 0.1}'
        : 'an object such as {"country": "US"}'
    return fail({ ...(entry as Place), line, column }, `must be ${wanted}, not ${found}`)
  }

  function at(atLine: number, atColumn: number): void {
    line = atLine
    column = atColumn
  }

  function here(key: string | number, parent?: Place): Place {
    return { parent, key, line, column }
  }

  function fail(...[place, problem, name]: Parameters<Fail>): never {
    const keys = name === undefined ? [] : [name]
    for (let at: Place | undefined = place; at !== undefined; at = at.parent) keys.unshift(at.key as string)
    return end(`${fileName}: ${path(...keys)} ${problem}`, place)
  }
}

function end(message: string, { line, column }: Pick<Place, 'line' | 'column'>): never {
  throw new DataFileError(`${message} (line ${line + 1}, column ${column + 1}).`)
}

interface NamedBidder {
  readonly id: string
  /** Where it was named first. */
  readonly place: Place
  /** The list that named it last, which tells a repetition in constant time. */
  lastNamedBy: string[] | undefined
}
