import { existsSync } from 'node:fs'
import { mkdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { codeOf, DatabaseError, messageOf } from '../database-error.ts'
import { createGate } from './gate.ts'
import { claimOwnership, findOwner, type Owner } from './owner.ts'
import { connectionStringFor } from './private-socket.ts'

/** How long to wait for another process that is just starting, stopping or doing its short work, in milliseconds. */
export const OWNER_WAIT_MS = 15_000
const OWNER_POLL_MS = 50
/** How long a stopping owner lets the others finish; a command's owner is more patient, as nobody asked it to stop. */
const SERVE_DRAIN_MS = 2_000
const COMMAND_DRAIN_MS = 10_000

/** The process that others ask to stop, because it does not end by itself. */
export const SERVE_COMMAND = 'auction serve'

export interface EmbeddedDatabase {
  /** For any PostgreSQL client on this machine and of this user. */
  readonly connectionString: string
  /** Whether this process holds the database, rather than using another's. */
  readonly owner: boolean
  /** In the owner, a number that grows with each statement or transaction, of whichever process. */
  readonly turns: (() => number) | undefined
  dispose(): Promise<void>
}

export interface EmbeddedOptions {
  /** Created where it is missing. */
  readonly dataDir: string
  /** What this process runs, to tell others who find the folder in use: `auction serve`, `auction load-data`. */
  readonly command: string
  readonly ownerWaitMs?: number
}

/**
 * Opens the PostgreSQL that PGlite keeps in a folder. One process has it open and serves the others through a unix
 * socket: `auction serve` insists on being that process; any other command uses the one there is, or becomes it for
 * its own short life.
 * @throws DatabaseError DATA_DIR_UNUSABLE, DATA_DIR_IN_USE
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const { command, ownerWaitMs = OWNER_WAIT_MS } = options
  const dataDir = await prepare(options.dataDir)
  const deadline = Date.now() + ownerWaitMs
  for (;;) {
    const owner = await findOwner(dataDir)
    const opened = owner === undefined ? await own(dataDir, command) : await attach(owner, command, ownerWaitMs)
    if (opened !== undefined) return opened
    const stays = owner?.command === SERVE_COMMAND && command === SERVE_COMMAND
    if (owner !== undefined && (stays || Date.now() > deadline)) throw inUse(options.dataDir, owner)
    await delay(OWNER_POLL_MS)
  }
}

/** Undefined where another process was quicker. */
async function own(dataDir: string, command: string): Promise<EmbeddedDatabase | undefined> {
  let start: (pglite: Promise<PGlite>) => void = () => {}
  const backend = new Promise<PGlite>((resolve) => {
    start = resolve
  })
  const gate = createGate({ backend, drainTimeoutMs: command === SERVE_COMMAND ? SERVE_DRAIN_MS : COMMAND_DRAIN_MS })
  const ownership = await claimOwnership({ dataDir, command, onClient: gate.serve })
  if (ownership === undefined) return undefined
  try {
    start(openFiles(dataDir))
    await backend
  } catch (error) {
    await gate.dispose()
    await ownership.release()
    const message = `DATA_DIR ${dataDir} cannot be opened (${messageOf(error)}): move it away or set DATA_DIR to another folder`
    throw new DatabaseError('DATA_DIR_UNUSABLE', message, { cause: error })
  }
  return {
    connectionString: connectionStringFor(ownership.owner.socket),
    owner: true,
    turns: gate.turns,
    async dispose() {
      await gate.dispose()
      await (await backend).close()
      // Last, so that nobody opens the files before they are closed.
      await ownership.release()
    },
  }
}

/** Undefined where `auction serve` may not use another's database, or the owner is just going away. */
async function attach(owner: Owner, command: string, timeoutMs: number): Promise<EmbeddedDatabase | undefined> {
  if (command === SERVE_COMMAND) return undefined
  const connectionString = connectionStringFor(owner.socket)
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: timeoutMs })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.end()
  } catch {
    return undefined
  }
  return { connectionString, owner: false, turns: undefined, async dispose() {} }
}

async function prepare(dataDir: string): Promise<string> {
  try {
    await createFolder(resolve(dataDir))
    const path = await realpath(dataDir)
    const probe = join(path, `probe.${process.pid}`)
    await writeFile(probe, '')
    await rm(probe)
    return path
  } catch (error) {
    const reason =
      codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOTDIR'
        ? 'it is not a folder'
        : `it cannot be written (${codeOf(error)})`
    const message = `DATA_DIR ${dataDir} cannot be used: ${reason}; set DATA_DIR to a folder this user may write`
    throw new DatabaseError('DATA_DIR_UNUSABLE', message, { cause: error })
  }
}

/** Not mkdir's own `recursive`, which goes on for ever in a file system that lets nobody create folders, such as /proc. */
async function createFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return
    const parent = dirname(path)
    if (codeOf(error) !== 'ENOENT' || parent === path || existsSync(parent)) throw error
    await createFolder(parent)
    await mkdir(path, { mode: 0o700 })
  }
}

/** Opens the files, creating them at first; a creation that was cut short is begun anew, as nobody has used it yet. */
async function openFiles(dataDir: string): Promise<PGlite> {
  const files = join(dataDir, 'postgres')
  const unfinished = join(dataDir, 'postgres.unfinished')
  if (existsSync(unfinished)) await rm(files, { recursive: true, force: true })
  if (!existsSync(files)) await writeFile(unfinished, '')
  const pglite = await PGlite.create(files)
  await rm(unfinished, { force: true })
  return pglite
}

function inUse(dataDir: string, owner: Owner): DatabaseError {
  const message = `DATA_DIR ${dataDir} is in use by ${nameOf(owner)}: stop it or set DATA_DIR to another folder`
  return new DatabaseError('DATA_DIR_IN_USE', message)
}

function nameOf(owner: Owner): string {
  return `another \`${owner.command}\` (process ${owner.pid})`
}
