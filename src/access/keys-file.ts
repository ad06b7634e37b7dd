import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { parseKeys } from './parse-keys.ts'
import { AccessError, type ApiKey } from './types.ts'

/**
 * What a file is told by without reading it: also where a mount swaps a symbolic link, as Kubernetes does.
 * @throws AccessError where there is none
 */
export async function versionOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** @throws AccessError where it cannot be read, or is not a file of keys */
export async function readKeys(path: string): Promise<ApiKey[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw unreadable(path, error)
  }
  return parseKeys(text, path)
}

/**
 * Changes the keys of a file, which need not be there. Readers see all of the change or nothing of it; of several changes
 * at a time each waits for the one before.
 * @throws AccessError where it cannot be read or written, and what `change` throws; then nothing has changed
 */
export async function changeKeys(path: string, change: (keys: readonly ApiKey[]) => readonly ApiKey[]): Promise<void> {
  // A link goes on pointing to the file.
  const target = await realpath(path).catch(() => path)
  const unlock = await lock(`${target}.lock`)
  try {
    const owner = await stat(target).catch(() => undefined)
    const keys = change(owner === undefined ? [] : await readKeys(target))
    const text = `${JSON.stringify({ keys }, null, 2)}\n`
    // What is written can be read.
    parseKeys(text, path)
    await replace(target, text, owner)
  } finally {
    await unlock()
  }
}

/** Where another process holds the lock, it is waited for. Returns the function that gives it back. */
async function lock(path: string): Promise<() => Promise<void>> {
  const deadline = performance.now() + LOCK_WAIT_MS
  for (;;) {
    const held = await open(path, 'wx', FILE_MODE).catch((error: NodeJS.ErrnoException) => error)
    if (!(held instanceof Error)) {
      await held.close()
      return () => rm(path, { force: true })
    }
    if (held.code !== 'EEXIST') throw unwritable(path, held)
    if (performance.now() > deadline) {
      throw new AccessError(
        `Another command holds ${path} and changes the keys: try again, or remove that file where none runs.`,
      )
    }
    await delay(LOCK_RETRY_MS)
  }
}

/** Writes beside the file, then puts it in its place, with its owner. */
async function replace(
  path: string,
  text: string,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const handle = await open(beside, 'wx', FILE_MODE)
    try {
      await handle.writeFile(text)
      if (owner) await keepOwner(handle, owner)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw unwritable(path, error)
  }
}

/** A service that runs as another user goes on reading what an administrator has changed. */
async function keepOwner(
  handle: FileHandle,
  { uid, gid }: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const own = await handle.stat()
  if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid)
}

function unreadable(path: string, error: unknown): AccessError {
  const { code, message } = error as NodeJS.ErrnoException
  const remedy =
    code === 'ENOENT'
      ? 'there is none. `auction keys create` makes it, with the same API_KEYS_FILE'
      : `${message}. It must be a file that this process may read`
  return new AccessError(`The file of API keys ${path} cannot be read: ${remedy}.`)
}

function unwritable(path: string, error: unknown): AccessError {
  const { message } = error as NodeJS.ErrnoException
  return new AccessError(
    `The file of API keys ${path} cannot be written: ${message}. Its folder must be there, and one that you may write to.`,
  )
}

/** The owner alone: nobody needs to see even hashes. */
const FILE_MODE = 0o600
/** How long another command may take, in milliseconds. */
const LOCK_WAIT_MS = 5_000
const LOCK_RETRY_MS = 20
