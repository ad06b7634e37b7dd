import { type FileHandle, open } from 'node:fs/promises'
import {
  type AsyncBuffer,
  type ColumnMetaData,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  type RowGroup,
} from 'hyparquet'
import type { LoggedAuction } from '../types.ts'
import { COLUMNS, PARSERS, REASONS_COLUMN, toAuction } from './columns.ts'

/** A day's file, open. */
export interface OpenFile {
  readonly groups: readonly FileGroup[]
  /** The columns of these names, of the rows from `start` on that are before `end`; a row is its values in that order. */
  readRows(columns: readonly string[], start: number, end: number): Promise<readonly (readonly unknown[])[]>
  readAuctions(start: number, end: number): Promise<readonly LoggedAuction[]>
  readBytes(start: number, end: number): Promise<ArrayBuffer>
  dispose(): Promise<void>
}

export interface FileGroup {
  readonly parquet: RowGroup
  /** Its first row's number in the file. */
  readonly start: number
  readonly end: number
}

/** @param known the file's metadata where it was read before */
export async function openFile(path: string, known?: FileMetaData): Promise<OpenFile & { metadata: FileMetaData }> {
  const handle = await open(path)
  try {
    const file = await toAsyncBuffer(handle)
    const metadata = known ?? (await parquetMetadataAsync(file))
    async function readRows(columns: readonly string[], rowStart: number, rowEnd: number) {
      let rows: unknown[][] = []
      await parquetRead({
        file,
        metadata,
        columns: [...columns],
        rowStart,
        rowEnd,
        useOffsetIndex: true,
        parsers: PARSERS,
        onComplete: (read) => {
          rows = read
        },
      })
      return rows
    }
    const hasReasons = metadata.schema.some(({ name }) => name === REASONS_COLUMN)
    const columns = COLUMNS.filter((name) => hasReasons || name !== REASONS_COLUMN)
    return {
      metadata,
      groups: toGroups(metadata),
      readRows,
      readAuctions: async (start, end) => (await readRows(columns, start, end)).map(toAuction),
      readBytes: async (start, end) => file.slice(start, end),
      dispose: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** What a file says of a column, or of a list's elements, in a row group. */
export function columnOf({ parquet }: FileGroup, name: string): ColumnMetaData {
  const chunk = parquet.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === name)
  if (!chunk?.meta_data) throw new Error(`the file has no column ${name}`)
  return chunk.meta_data
}

/** The rows of a row group in portions that take some ten milliseconds to read, in between which others have their turn. */
export function* portionsOf({ start, end }: FileGroup): Generator<[start: number, end: number]> {
  for (let at = start; at < end; at += PORTION_ROWS) yield [at, Math.min(at + PORTION_ROWS, end)]
}

/** All auctions of a file, in its order. */
export async function* readAll(path: string): AsyncGenerator<LoggedAuction> {
  const file = await openFile(path)
  try {
    for (const group of file.groups)
      for (const [start, end] of portionsOf(group)) yield* await file.readAuctions(start, end)
  } finally {
    await file.dispose()
  }
}

async function toAsyncBuffer(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat()
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new Uint8Array(end - start)
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at)
        if (bytesRead === 0) throw new Error(`the file ends at ${start + at} instead of ${end}`)
        at += bytesRead
      }
      return bytes.buffer
    },
  }
}

function toGroups({ row_groups: parquetGroups }: FileMetaData): FileGroup[] {
  let end = 0
  return parquetGroups.map((parquet) => {
    const start = end
    end += Number(parquet.num_rows)
    return { parquet, start, end }
  })
}

const PORTION_ROWS = 2_500
