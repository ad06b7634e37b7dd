import { stat } from 'node:fs/promises'
import type { FileMetaData } from 'hyparquet'
import QuickLRU from 'quick-lru'
import { type ArchivedFile, listFiles, verifyFile } from './archive-dir.ts'
import type { Day } from './day.ts'
import { type OpenFile, openFile } from './read-file.ts'

/** The archive's files, each of which is compared with its checksum before it is read for the first time. */
export interface VerifiedFiles {
  /** The newest day first; none where there is no folder yet. */
  list(): Promise<readonly ArchivedFile[]>
  /**
   * Reads a day's file; undefined where the day has none.
   * @throws ArchiveError ARCHIVE_FILE_DAMAGED
   */
  read<T>(day: Day, work: (file: OpenFile) => Promise<T>): Promise<T | undefined>
}

export function createVerifiedFiles({ directory }: { readonly directory: string }): VerifiedFiles {
  const verified = new QuickLRU<string, Promise<unknown>>({ maxSize: VERIFIED_MAX })
  const metadata = new QuickLRU<string, FileMetaData>({ maxSize: METADATA_MAX })

  async function list(): Promise<readonly ArchivedFile[]> {
    return listFiles(directory).catch((error) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
  }

  async function find(day: Day): Promise<ArchivedFile | undefined> {
    return (await list()).find((file) => file.day === day)
  }

  /** Verified is a file until it is another: files are replaced as a whole and never written to. */
  async function open(file: ArchivedFile): Promise<OpenFile> {
    const { mtimeMs, size } = await stat(file.path)
    const key = `${file.path} ${mtimeMs} ${size}`
    // Whoever comes meanwhile waits for the same reading.
    const verifying = verified.get(key) ?? verifyFile(file)
    verified.set(key, verifying)
    await verifying.catch((error) => {
      verified.delete(key)
      throw error
    })
    const opened = await openFile(file.path, metadata.get(key))
    metadata.set(key, opened.metadata)
    return opened
  }

  async function openNewest(day: Day): Promise<OpenFile | undefined> {
    for (let file = await find(day); file !== undefined; ) {
      try {
        return await open(file)
      } catch (error) {
        // A version may be replaced by the next one just now.
        const newest = await find(day)
        if (newest?.path === file.path) throw error
        file = newest
      }
    }
    return undefined
  }

  return {
    list,
    async read(day, work) {
      const file = await openNewest(day)
      try {
        return file && (await work(file))
      } finally {
        await file?.dispose()
      }
    },
  }
}

/** Seven years of days, and as many again. */
const VERIFIED_MAX = 5_000
/** Metadata of a day of ten million auctions is some 10 MB. */
const METADATA_MAX = 8
