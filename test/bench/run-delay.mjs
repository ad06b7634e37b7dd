import { openSync, readSync } from 'node:fs'

/** Opened once, and read into the same bytes: often read, it must be no work for the garbage collection. */
const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
const bytes = Buffer.alloc(128)

/**
 * How long this process's main thread has waited for a processor so far though it could have run, in milliseconds: what
 * other processes cost it. A time less what was waited in it is the process's own.
 */
export function runDelayMs() {
  const length = readSync(schedstat, bytes, 0, bytes.length, 0)
  const [, waitedNs] = bytes.toString('latin1', 0, length).split(' ')
  return Number(waitedNs) / 1e6
}
