import { hashParquetValue, readBloomFilter, sbbfContains } from 'hyparquet/src/bloom.js'
import type { LoggedAuction } from '../types.ts'
import { COLUMNS, idToBytes } from './columns.ts'
import { columnOf, type FileGroup, type OpenFile, portionsOf } from './read-file.ts'

/** Finds an auction by its id: the Bloom filters tell in which row groups it may be, most often in one. */
export async function findAuction(file: OpenFile, id: string): Promise<LoggedAuction | undefined> {
  const bytes = idToBytes(id)
  for (const group of file.groups) {
    if (!(await mayHave(file, group, bytes))) continue
    for (const [start, end] of portionsOf(group)) {
      const rows = await file.readRows([ID], start, end)
      const at = rows.findIndex(([value]) => Buffer.compare(value as Uint8Array, bytes) === 0)
      if (at >= 0) return (await file.readAuctions(start + at, start + at + 1))[0]
    }
  }
  return undefined
}

async function mayHave(file: OpenFile, group: FileGroup, bytes: Uint8Array): Promise<boolean> {
  const { bloom_filter_offset: offset, bloom_filter_length: length } = columnOf(group, ID)
  const hash = hashParquetValue(bytes, { name: ID, type: 'FIXED_LEN_BYTE_ARRAY', type_length: bytes.length })
  if (offset === undefined || length === undefined || hash === undefined) return true
  const filter = await file.readBytes(Number(offset), Number(offset) + length)
  const bloom = readBloomFilter({ view: new DataView(filter), offset: 0 })
  return bloom === undefined || sbbfContains(bloom.blocks, hash)
}

const [ID] = COLUMNS
