import { createWriteStream } from 'node:fs'
import { realpath, rename, rm, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type CatalogData, DataFileError } from './data-file.ts'
import { formatDataFile } from './generate.ts'

/**
 * Writes a data file whole or not at all: beside its place first, then moved there. Through a link, its target is written.
 * @param overwrite whether a file of that name is replaced
 * @throws DataFileError where there is such a file already, or it cannot be written
 */
export async function writeDataFile(path: string, data: CatalogData, overwrite: boolean): Promise<void> {
  const existing = await stat(path).catch(() => undefined)
  if (existing !== undefined && !existing.isFile()) throw new DataFileError(`${path} is not a file; name one.`)
  if (existing !== undefined && !overwrite) {
    throw new DataFileError(`${path} exists already; add --force to replace it, or name another file.`)
  }

  const target = existing === undefined ? path : await realpath(path)
  const draft = `${target}.${process.pid}.tmp`
  try {
    await pipeline(Readable.from(formatDataFile(data)), createWriteStream(draft))
    await rename(draft, target)
  } catch (error) {
    await rm(draft, { force: true })
    throw new DataFileError(`${path} cannot be written: ${writeProblem(error)}`, { cause: error })
  }
}

function writeProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'its folder does not exist; make it first.'
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'permission denied.'
  return `${error instanceof Error ? error.message : String(error)}.`
}
