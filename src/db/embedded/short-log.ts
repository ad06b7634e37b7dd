import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Backend } from './backend.ts'
import { encodeQuery, endsIdle } from './wire.ts'

/**
 * Keeps the write-ahead log of a folder short. PGlite is without the process that makes checkpoints: left alone, the log
 * keeps all that was written since the folder was opened, 480 MB with each large load, whatever `max_wal_size` says.
 */
export function keepLogShort(backend: Backend, files: string): Backend {
  const folder = join(files, 'pg_wal')
  let allowed = MAX_LOG_FILES
  return {
    greeting: backend.greeting,
    async execute(messages) {
      const answer = await backend.execute(messages)
      // Within a transaction, its client may hold an unnamed statement, which a query of ours would close.
      if (endsIdle(answer) && countLogFiles(folder) > allowed) {
        await backend.execute(encodeQuery('CHECKPOINT'))
        // Where one does not help, as with the disk full, another one is due only when the log has grown again.
        allowed = Math.max(MAX_LOG_FILES, countLogFiles(folder))
      }
      return answer
    },
  }
}

function countLogFiles(folder: string): number {
  try {
    return readdirSync(folder).filter((name) => LOG_FILE.test(name)).length
  } catch {
    // PostgreSQL says so when it needs the folder; the statement that was answered here needed it no more.
    return 0
  }
}

/** Timeline, and number of the file. */
const LOG_FILE = /^[0-9A-F]{24}$/
/** 16 MB each. A checkpoint leaves so many, to be written again, as START_PARAMETERS has it in pglite-thread.ts. */
const MAX_LOG_FILES = 4
