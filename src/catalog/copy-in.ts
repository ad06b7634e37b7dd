import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from } from 'pg-copy-streams'

/** Between the ids of a joined list: no id has a line break. */
export const LIST_SEPARATOR = '\n'

/**
 * Fills a table of two columns by COPY, which takes rows as quickly as they can be written down.
 * @param rows an id, and a text or a list of ids, which is joined
 * @param onRows told how many rows were handed over, now and then
 */
export async function copyIn(
  client: pg.Client,
  table: string,
  rows: Iterable<readonly [id: string, value: string | readonly string[]]>,
  onRows?: (count: number) => void,
): Promise<void> {
  await pipeline(Readable.from(formatRows(rows, onRows)), client.query(from(`COPY ${table} FROM STDIN`)))
}

const CHUNK_CHARACTERS = 65_536

/** In COPY's text format, where line breaks and backslashes are escaped; ids have no other character that would have to be. */
function* formatRows(
  rows: Iterable<readonly [id: string, value: string | readonly string[]]>,
  onRows: ((count: number) => void) | undefined,
): Generator<Buffer> {
  let text = ''
  let count = 0
  for (const [id, value] of rows) {
    text += `${escaped(id)}\t${typeof value === 'string' ? escaped(value) : value.map(escaped).join('\\n')}\n`
    count++
    if (text.length < CHUNK_CHARACTERS) continue
    yield Buffer.from(text)
    onRows?.(count)
    text = ''
  }
  if (text !== '') yield Buffer.from(text)
  onRows?.(count)
}

function escaped(text: string): string {
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text
}
