import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { codeOf, DatabaseError, messageOf } from '../database-error.ts'
import { shortage } from './disk-space.ts'
import { createGate } from './gate.ts'
import { createLastingBackend } from './lasting-backend.ts'
import { claimOwnership, findOwner, type Owner } from './owner.ts'
import { connectionStringFor } from './private-socket.ts'
import { startThread } from './thread.ts'

/** How long to wait for another process that is just starting, stopping or doing its short work, in milliseconds. */
export const OWNER_WAIT_MS = 15_000
const OWNER_POLL_MS = 50
/** How long a stopping owner lets the others finish; a command's owner is more patient, as nobody asked it to stop. */
const SERVE_DRAIN_MS = 2_000
const COMMAND_DRAIN_MS = 10_000
/**
 * How long a statement may take before its thread counts as hung and is replaced, in milliseconds: longer than any takes
 * that is worth waiting for, as an index over millions of rows does.
 */
export const ANSWER_TIMEOUT_MS = 120_000
/** What a new database's files take, with its first log, in bytes. */
const NEW_DATABASE_BYTES = 80_000_000
/** With less left on the disk, in bytes, statements begin to fail: two files of the write-ahead log. */
const SPARE_BYTES = 32_000_000

/** The process that others ask to stop, because it does not end by itself. */
export const SERVE_COMMAND = 'auction serve'

export interface EmbeddedDatabase {
  /** For any PostgreSQL client on this machine and of this user. */
  readonly connectionString: string
  /** Whether this process holds the database, rather than using another's. */
  readonly owner: boolean
  /** In the owner, how many statements and transactions of whichever process were ended; undefined in the others. */
  readonly uses: (() => number) | undefined
  /** In the owner, why the database cannot be used at the moment, or soon cannot; undefined where all is well. */
  problem(): Promise<string | undefined>
  dispose(): Promise<void>
}

export interface EmbeddedOptions {
  /** Created where it is missing. */
  readonly dataDir: string
  /** What this process runs, to tell others who find the folder in use: `auction serve`, `auction load-data`. */
  readonly command: string
  readonly ownerWaitMs?: number
  readonly answerTimeoutMs?: number
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
    const opened = owner === undefined ? await own(dataDir, options) : await attach(owner, command, ownerWaitMs)
    if (opened !== undefined) return opened
    const stays = owner?.command === SERVE_COMMAND && command === SERVE_COMMAND
    if (owner !== undefined && (stays || Date.now() > deadline)) throw inUse(options.dataDir, owner)
    await delay(OWNER_POLL_MS)
  }
}

/** Undefined where another process was quicker. */
async function own(dataDir: string, options: EmbeddedOptions): Promise<EmbeddedDatabase | undefined> {
  const { command, answerTimeoutMs = ANSWER_TIMEOUT_MS } = options
  const files = join(dataDir, 'postgres')
  const backend = createLastingBackend({
    startThread: (signal) => startThread({ files, answerTimeoutMs, signal }),
    onLost: (error) => gate.sessionLost(error),
  })
  const gate = createGate({ backend, drainTimeoutMs: command === SERVE_COMMAND ? SERVE_DRAIN_MS : COMMAND_DRAIN_MS })
  const ownership = await claimOwnership({ dataDir, command, onClient: gate.serve })
  if (ownership === undefined) return undefined
  async function dispose(): Promise<void> {
    await gate.dispose()
    await backend.dispose()
    // Last, so that nobody opens the files before they are closed.
    await ownership?.release()
  }
  try {
    await openFiles(dataDir, files, backend.open)
  } catch (error) {
    const full = await shortage(dataDir, existsSync(files) ? SPARE_BYTES : NEW_DATABASE_BYTES)
    await dispose()
    const remedy = full === undefined ? 'move it away or set DATA_DIR to another folder' : 'make room there'
    const message = `DATA_DIR ${dataDir} cannot be opened (${full ?? messageOf(error)}): ${remedy}`
    throw new DatabaseError('DATA_DIR_UNUSABLE', message, { cause: error })
  }
  return {
    connectionString: connectionStringFor(ownership.owner.socket),
    owner: true,
    uses: gate.uses,
    problem: async () => backend.problem() ?? (await shortage(dataDir, SPARE_BYTES)),
    dispose,
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
  return { connectionString, owner: false, uses: undefined, problem: async () => undefined, async dispose() {} }
}

async function prepare(dataDir: string): Promise<string> {
  try {
    await createFolder(resolve(dataDir))
    const path = await realpath(dataDir)
    // Of nobody else, also of no other container on the same folder, whose process may have the same number.
    const probe = join(path, `probe.${randomUUID()}`)
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
async function openFiles(dataDir: string, files: string, open: () => Promise<void>): Promise<void> {
  const unfinished = join(dataDir, 'postgres.unfinished')
  if (existsSync(unfinished)) await rm(files, { recursive: true, force: true })
  if (!existsSync(files)) {
    const full = await shortage(dataDir, NEW_DATABASE_BYTES)
    if (full !== undefined) throw new Error(full)
    await writeFile(unfinished, '')
  }
  await open()
  await rm(unfinished, { force: true })
}

function inUse(dataDir: string, owner: Owner): DatabaseError {
  const message = `DATA_DIR ${dataDir} is in use by ${nameOf(owner)}: stop it or set DATA_DIR to another folder`
  return new DatabaseError('DATA_DIR_IN_USE', message)
}

function nameOf(owner: Owner): string {
  return `another \`${owner.command}\` (process ${owner.pid})`
}
