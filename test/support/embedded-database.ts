import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const PROCESS = fileURLToPath(new URL('./embedded-process.ts', import.meta.url))

/** A new folder, and the way to remove it. */
export async function createTestFolder(): Promise<{ path: string; dispose(): Promise<void> }> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'auction-db-')))
  return { path, dispose: () => rm(path, { recursive: true, force: true }) }
}

/** Another process that has opened a folder's database. */
export interface EmbeddedProcess {
  readonly pid: number
  /** The next line it prints; undefined when it has ended. */
  nextLine(): Promise<string | undefined>
  /** Ends it at once; resolves when it is gone. */
  kill(): Promise<void>
  /** Asks it to dispose its database and end. */
  stop(): Promise<void>
}

/**
 * Starts a process that opens `dataDir` as `command`. It prints `owner`, `guest` or `error <code> <message>`; told to
 * write, it then adds rows to a table `written` and prints each one's id once it is committed.
 */
export function startEmbeddedProcess(
  dataDir: string,
  { command = 'auction serve', write = false } = {},
): EmbeddedProcess {
  const args = ['--import', 'tsx', PROCESS, dataDir, command, write ? 'write' : 'wait']
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? 0,
    async nextLine() {
      const { value, done } = await lines.next()
      return done === true ? undefined : value
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async stop() {
      child.stdin.end()
      await exited
    },
  }
}
