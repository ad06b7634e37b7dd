import { createReadStream } from 'node:fs'
import { type CatalogData, DataFileError, parseDataFile } from './data-file.ts'
import { fileProblem } from './data-file-problems.ts'
import type { Variables } from './header-variables.ts'

/** The largest file that is read; V8's longest string is little more. A million supplies of 8 bidders take about 200 MB. */
export const MAX_DATA_FILE_BYTES = 500_000_000

export interface ReadOptions {
  /** Those of the environment, which headers may refer to; none by default. */
  readonly variables?: Variables
  readonly maxBytes?: number
}

/**
 * Reads and checks a data file.
 * @throws DataFileError where the file is missing, unreadable, larger than `maxBytes`, or wrong
 */
export async function readDataFile(path: string, options: ReadOptions = {}): Promise<CatalogData> {
  const { variables, maxBytes = MAX_DATA_FILE_BYTES } = options
  const bytes = await readBytes(path, maxBytes)
  let text: string
  try {
    // Takes a byte order mark away, where there is one.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new DataFileError(`${path} is not UTF-8 text; save it in that encoding.`)
  }
  return parseDataFile(text, path, variables)
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
