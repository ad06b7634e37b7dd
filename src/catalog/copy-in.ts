import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from } from 'pg-copy-streams'

/** Between the ids of a joined list: no id has a line break. */
export const LIST_SEPARATOR = '\n'

export type CopyRow = readonly (string | readonly string[] | undefined)[]

/**
 * Fills a table by COPY, which takes rows as quickly as they can be written down.
 * @param rows each column's value: an id, a list of ids, which is joined, or JSON; undefined: null
 * @param onRows told how many rows were handed over, now and then
 */
export async function copyIn(
  client: pg.Client,
  table: string,
  rows: Iterable<CopyRow>,
  onRows?: (count: number) => void,
): Promise<void> {
  await pipeline(Readable.from(formatRows(rows, onRows)), client.query(from(`COPY ${table} FROM STDIN`)))
}

const CHUNK_CHARACTERS = 65_536

/** In COPY's text format, where line breaks and backslashes are escaped: ids and JSON have nothing else that must be. */
function* formatRows(rows: Iterable<CopyRow>, onRows: ((count: number) => void) | undefined): Generator<Buffer> {
  let text = ''
  let count = 0
  for (const row of rows) {
    for (const [column, value] of row.entries()) text += (column > 0 ? '\t' : '') + formatValue(value)
    text += '\n'
    count++
    if (text.length < CHUNK_CHARACTERS) continue
    yield Buffer.from(text)
    onRows?.(count)
    text = ''
  }
  if (text !== '') yield Buffer.from(text)
  onRows?.(count)
}

function formatValue(value: CopyRow[number]): string {
  if (value === undefined) return NULL
  return typeof value === 'string' ? escaped(value) : value.map(escaped).join('\\n')
}

const NULL = '\\N'

function escaped(text: string): string {
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text
}
