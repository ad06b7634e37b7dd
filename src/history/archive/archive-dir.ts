import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { codeOf, messageOf } from '../../db/database-error.ts'
import { ArchiveError } from './archive-error.ts'
import type { Day } from './day.ts'
import type { DaySums } from './day-sums.ts'

/** One version of a day's file. What came late is a new version, which has everything that the one before has. */
export interface ArchivedFile {
  readonly day: Day
  readonly version: number
  readonly path: string
  /** Beside the file, with its checksum. */
  readonly manifestPath: string
}

export interface Manifest {
  readonly sha256: string
  readonly bytes: number
  readonly sums: DaySums
}

/** The newest version of each day's file, the newest day first. */
export async function listFiles(directory: string): Promise<ArchivedFile[]> {
  const newest = new Map<Day, ArchivedFile>()
  for (const file of await allVersions(directory)) {
    if (file.version > (newest.get(file.day)?.version ?? 0)) newest.set(file.day, file)
  }
  return [...newest.values()].sort((a, b) => (a.day < b.day ? 1 : -1))
}

/** @param version 1 is a day's first */
export function fileOf(directory: string, day: Day, version: number): ArchivedFile {
  const path = join(directory, `auctions-${day}${version > 1 ? `.${version}` : ''}`)
  return { day, version, path: `${path}.parquet`, manifestPath: `${path}.json` }
}

/** Where a file is written until it is whole. No other process writes there. */
export function draftPath({ path }: ArchivedFile): string {
  return `${path}.${process.pid}${DRAFT}`
}

/**
 * Makes a draft the day's newest version, at once: a file is there only with its manifest, and whoever lists the folder
 * finds this version whole or the one before. On the disk when it returns.
 */
export async function publish(file: ArchivedFile, manifest: Manifest): Promise<void> {
  const manifestDraft = `${file.manifestPath}.${process.pid}${DRAFT}`
  const handle = await open(manifestDraft, 'w')
  try {
    await handle.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(manifestDraft, file.manifestPath)
  await rename(draftPath(file), file.path)
  await syncFolder(resolve(file.path, '..'))
}

/** Removes a version. Its manifest goes first: one without a file would say that a file was lost. */
export async function removeFile({ path, manifestPath }: ArchivedFile): Promise<void> {
  await rm(manifestPath, { force: true })
  await rm(path, { force: true })
}

/** Removes what processes that were killed have left: drafts, and versions that a newer one has replaced. */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (name.endsWith(DRAFT)) await rm(join(directory, name), { force: true })
  const newest = new Set((await listFiles(directory)).map(({ path }) => path))
  for (const file of await allVersions(directory)) if (!newest.has(file.path)) await removeFile(file)
}

/** Files of which only the manifest is there. */
export async function lostFiles(directory: string): Promise<string[]> {
  const days = new Set((await listFiles(directory)).map(({ day }) => day))
  return (await readdir(directory)).flatMap((name) => {
    const day = MANIFEST.exec(name)?.[1]
    return day !== undefined && !days.has(day) ? [name.replace(/json$/, 'parquet')] : []
  })
}

/**
 * Reads all of a file and compares it with its checksum.
 * @throws ArchiveError ARCHIVE_FILE_DAMAGED
 */
export async function verifyFile(file: ArchivedFile): Promise<Manifest> {
  const manifest = await readManifest(file)
  const { size } = await stat(file.path)
  if (size !== manifest.bytes) throw damaged(file, `it has ${size} bytes of ${manifest.bytes}`)
  const hash = createHash('sha256')
  await pipeline(createReadStream(file.path, { highWaterMark: READ_BYTES }), hash)
  if (hash.digest('hex') !== manifest.sha256) throw damaged(file, 'its checksum is another')
  return manifest
}

/** Makes the folder where it is missing. */
export async function prepareDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o750 })
}

/** Runs what writes into the archive. An error of the disk says what to do about it. */
export async function writing<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const remedy = REMEDIES[codeOf(error) ?? '']
    if (remedy === undefined) throw error
    const message = `ARCHIVE_DIR ${directory} cannot be written (${messageOf(error)}): ${remedy}. What is not archived stays in the database`
    throw new ArchiveError('ARCHIVE_DIR_UNUSABLE', message, { cause: error })
  }
}

async function readManifest(file: ArchivedFile): Promise<Manifest> {
  try {
    return JSON.parse(await readFile(file.manifestPath, 'utf8')) as Manifest
  } catch (error) {
    throw damaged(file, `its manifest ${file.manifestPath} cannot be read: ${messageOf(error)}`)
  }
}

function damaged({ path }: ArchivedFile, reason: string): ArchiveError {
  const message = `${path} was altered or cut short (${reason}): bring it and its .json back from a backup. Nothing of it is read`
  return new ArchiveError('ARCHIVE_FILE_DAMAGED', message)
}

async function allVersions(directory: string): Promise<ArchivedFile[]> {
  return (await readdir(directory)).flatMap((name) => {
    const [, day, version = '1'] = FILE.exec(name) ?? []
    return day === undefined ? [] : [fileOf(directory, day, Number(version))]
  })
}

/** A rename lasts when its folder is on the disk. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const FILE = /^auctions-(\d{4}-\d{2}-\d{2})(?:\.(\d{1,6}))?\.parquet$/
const MANIFEST = /^auctions-(\d{4}-\d{2}-\d{2})(?:\.\d{1,6})?\.json$/
const DRAFT = '.draft'
const READ_BYTES = 1_048_576

const PERMISSION = 'set it to a folder that this user may write'
const ROOM = 'make room there and run this again'
const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EROFS: PERMISSION,
  ENOTDIR: PERMISSION,
  EEXIST: PERMISSION,
  ENOENT: PERMISSION,
  ENOSPC: ROOM,
  EDQUOT: ROOM,
  EFBIG: ROOM,
  EIO: 'see to its disk and run this again',
}
