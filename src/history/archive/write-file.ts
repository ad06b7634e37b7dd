import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { LoggedAuction } from '../types.ts'
import { createSchema, toColumns } from './columns.ts'
import { createSumsAdder, type DaySums } from './day-sums.ts'

/** A file that was written and is on its disk. */
export interface WrittenFile {
  readonly bytes: number
  /** Of the file. */
  readonly sha256: string
  /** Of the auctions, in their order: what is read back must have the same. */
  readonly contentSha256: string
  readonly sums: DaySums
}

/** Writes a new file of auctions, in the order in which they come, and has the disk keep it. */
export async function writeFile(path: string, auctions: AsyncIterable<LoggedAuction>): Promise<WrittenFile> {
  const handle = await open(path, 'wx')
  try {
    const output = createOutput(handle)
    const schema = createSchema({ isFinished: false })
    const parquet = new ParquetWriter({ writer: output.writer, schema, codec: 'SNAPPY' })
    const content = createContentHash()
    const sums = createSumsAdder()
    let group: LoggedAuction[] = []
    async function writeGroup(): Promise<void> {
      if (group.length === 0) return
      await parquet.write({ columnData: toColumns(group), rowGroupSize: GROUP_AUCTIONS, pageSize: PAGE_BYTES })
      group = []
    }
    for await (const auction of auctions) {
      group.push(auction)
      sums.add(auction)
      content.add(auction)
      if (group.length === GROUP_AUCTIONS) await writeGroup()
    }
    await writeGroup()
    parquet.schema = createSchema({ isFinished: true })
    await parquet.finish()
    await handle.sync()
    return { ...output.written(), contentSha256: content.digest(), sums: sums.total() }
  } finally {
    await handle.close()
  }
}

/** Tells auctions apart in everything that a file has of them. */
export function createContentHash(): { add(auction: LoggedAuction): void; digest(): string } {
  const hash = createHash('sha256')
  return {
    add: (auction) => void hash.update(JSON.stringify(auction)),
    digest: () => hash.digest('hex'),
  }
}

/** What the library writes goes to the file after each row group, so that no more than one is in memory. */
function createOutput(handle: FileHandle) {
  const writer = new ByteWriter()
  const hash = createHash('sha256')
  async function flush(): Promise<void> {
    const bytes = writer.getBytes()
    hash.update(bytes)
    for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten
    writer.index = 0
  }
  return {
    writer: Object.assign(writer, { flush, finish: flush }),
    written: () => ({ bytes: writer.offset, sha256: hash.digest('hex') }),
  }
}

/**
 * How many auctions a row group has: 12,500 of eight responses are some 0.6 MB in the file, and the Bloom filter of so many
 * ids just fits into a power of two (1.3 bytes an id).
 */
const GROUP_AUCTIONS = 12_500
/** What one auction is read with, in bytes before they are compressed. */
const PAGE_BYTES = 16_384
