import { randomUUID } from 'node:crypto'
import { link, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { codeOf, DatabaseError, messageOf } from '../database-error.ts'
import { answers, listenPrivately } from './private-socket.ts'

const RECORD = /^owner\.(\d{1,15})$/

/** The process that has the data folder's PostgreSQL open. */
export interface Owner {
  readonly pid: number
  /** What it runs, such as `auction serve`. */
  readonly command: string
  /** The unix socket it answers at. */
  readonly socket: string
}

export interface Ownership {
  readonly owner: Owner
  /** Gives the folder up: call it when its files are closed. */
  release(): Promise<void>
}

/** The data folder's owner, if it is alive. */
export async function findOwner(dataDir: string): Promise<Owner | undefined> {
  return (await newest(dataDir)).owner
}

/**
 * Makes this process the owner of the data folder, unless another one is. Of several that try at once one succeeds.
 *
 * An owner is known by a record, owner.<number>, that names its socket, and is alive as long as the socket can be
 * connected to: the system closes it with the process, however that ends. A newer owner takes the next number, which
 * only one can create; the highest record is never removed, so no number that counts is ever used twice.
 *
 * @returns undefined where another process is the owner
 * @throws DatabaseError DATA_DIR_UNUSABLE
 */
export async function claimOwnership(options: {
  readonly dataDir: string
  readonly command: string
  readonly onClient: (client: Socket) => void
}): Promise<Ownership | undefined> {
  const { dataDir, command, onClient } = options
  const previous = await newest(dataDir)
  if (previous.owner !== undefined) return undefined

  const { socket, close } = await listenPrivately(dataDir, onClient)
  const owner: Owner = { pid: process.pid, command, socket }
  const number = previous.number + 1
  try {
    if (await createRecord(dataDir, number, owner)) {
      const records = await readRecordNumbers(dataDir)
      if (Math.max(...records) === number) {
        await removePredecessors(dataDir, number, records)
        return { owner, release: close }
      }
      await rm(recordPath(dataDir, number), { force: true })
    }
  } catch (error) {
    await close()
    throw new DatabaseError('DATA_DIR_UNUSABLE', `DATA_DIR ${dataDir} cannot be written: ${messageOf(error)}`, {
      cause: error,
    })
  }
  await close()
  return undefined
}

/** The highest number given out, and its owner if that is alive. */
async function newest(dataDir: string): Promise<{ number: number; owner: Owner | undefined }> {
  const number = Math.max(0, ...(await readRecordNumbers(dataDir)))
  if (number === 0) return { number, owner: undefined }
  const owner = await readRecord(dataDir, number)
  // A record that has gone means that a newer one has come in the meantime.
  if (owner === undefined) return newest(dataDir)
  return { number, owner: (await answers(owner.socket)) ? owner : undefined }
}

async function readRecordNumbers(dataDir: string): Promise<number[]> {
  const names = await readdir(dataDir)
  return names.flatMap((name) => RECORD.exec(name)?.[1] ?? []).map(Number)
}

async function readRecord(dataDir: string, number: number): Promise<Owner | undefined> {
  const text = await readFile(recordPath(dataDir, number), 'utf8').catch(ignoreMissing)
  return text === undefined ? undefined : (JSON.parse(text) as Owner)
}

/** Creates the record with its content in one step; false where the number is taken. */
async function createRecord(dataDir: string, number: number, owner: Owner): Promise<boolean> {
  const draft = join(dataDir, `draft.${randomUUID()}`)
  await writeFile(draft, JSON.stringify(owner), { mode: 0o600 })
  try {
    await link(draft, recordPath(dataDir, number))
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** Removes what earlier owners have left: their records, and the sockets of those that were killed. */
async function removePredecessors(dataDir: string, number: number, records: readonly number[]): Promise<void> {
  for (const record of records.filter((other) => other < number)) {
    const owner = await readRecord(dataDir, record)
    if (owner !== undefined) {
      await rm(owner.socket, { force: true })
      await rmdir(dirname(owner.socket)).catch(() => {})
    }
    await rm(recordPath(dataDir, record), { force: true })
  }
}

function recordPath(dataDir: string, number: number): string {
  return join(dataDir, `owner.${number}`)
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}
