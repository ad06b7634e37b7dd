/** The thread that PGlite runs in. What it is told and what it tells is in thread.ts, which starts it. */
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { messageOf } from '../database-error.ts'
import { createBackend } from './backend.ts'
import { keepLogShort } from './short-log.ts'
import type { FromThread, ThreadData, ToThread } from './thread.ts'

/** How PostgreSQL says in its log that it ends, in a line such as `2026-01-01 00:00:00.000 UTC [42] PANIC:  could not …` */
const LAST_WORDS = /\b(?:PANIC|FATAL):\s+(.+)/
/** What the WebAssembly runtime prints when PostgreSQL has called abort(). */
const ABORTED = /^Aborted\(/

/** How much of the write-ahead log a checkpoint leaves, to be written again; by default a gigabyte. */
const START_PARAMETERS = ['-c', 'max_wal_size=64MB', '-c', 'min_wal_size=32MB']

const { files } = workerData as ThreadData
let isReady = false
let lastWords: string | undefined

function tell(message: FromThread, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}

/**
 * Ends the thread at once. PGlite goes on after PostgreSQL's abort() as if nothing had happened, in a loop that never
 * ends; an exception would be caught by it.
 */
function fail(reason: string): void {
  tell({ type: 'failed', reason })
  process.exit(1)
}

function onStderr(line: string): boolean {
  lastWords = LAST_WORDS.exec(line)?.[1] ?? lastWords
  if (ABORTED.test(line) || (isReady && LAST_WORDS.test(line))) fail(lastWords ?? line)
  return false
}

try {
  const pglite = await PGlite.create(files, {
    onStderr,
    startParams: [...PGlite.defaultStartParams, ...START_PARAMETERS],
  })
  const backend = keepLogShort(createBackend(pglite), files)
  const greeting = await backend.greeting()
  isReady = true
  parentPort?.on('message', async (message: ToThread) => {
    try {
      if (message.type === 'close') {
        await pglite.close()
        tell({ type: 'closed' })
        return
      }
      const answer = await backend.execute(message.messages)
      tell({ type: 'answer', answer }, [answer.buffer as ArrayBuffer])
    } catch (error) {
      fail(lastWords ?? messageOf(error))
    }
  })
  tell({ type: 'ready', greeting })
} catch (error) {
  fail(lastWords ?? messageOf(error))
}
