import { Worker } from 'node:worker_threads'
import { inTime } from '../in-time.ts'
import { noticesOf } from '../notices/notices-of.ts'
import { threadFile } from '../thread-file.ts'
import { type LogProgress, PENDING_BYTES_MAX } from './log-writer.ts'
import { packAuction, packedBytesMax } from './packed-auction.ts'
import type { AuctionLog } from './types.ts'

export interface ThreadData {
  readonly connectionString: string
  readonly embedded: boolean
  readonly batchMax: number
  readonly pendingBytesMax: number
}

export type ToThread =
  | { readonly type: 'auctions'; readonly bytes: Uint8Array; readonly count: number }
  | { readonly type: 'flush' | 'close' }

export type FromThread = { readonly type: 'progress'; readonly progress: LogProgress } | { readonly type: 'closed' }

export interface ThreadedLogOptions {
  readonly connectionString: string
  readonly embedded: boolean
  /** The most auctions that are written in one transaction. */
  readonly batchMax: number
  readonly pendingBytesMax?: number
  /** Told once when auctions cannot be written, once when they can again, and of those that are lost or given up. */
  readonly onError: (message: string) => void
  readonly onRecovery: () => void
}

/**
 * The log of this process's auctions, written into PostgreSQL by a thread of its own: an auction costs its own thread
 * the packing of some 200 bytes. What it holds is lost with the process, at most the last second's auctions.
 */
export function createThreadedLog(options: ThreadedLogOptions): AuctionLog {
  const { connectionString, embedded, batchMax, pendingBytesMax = PENDING_BYTES_MAX, onError, onRecovery } = options
  const data: ThreadData = { connectionString, embedded, batchMax, pendingBytesMax }
  const whenWritten = new Set<() => void>()
  let progress: LogProgress = { written: 0, pendingBytes: 0, givenUp: 0, error: undefined }
  let recorded = 0
  /** Those whose thread has ended before it wrote them. */
  let lost = 0
  let writtenByOthers = 0
  let givenUpByOthers = 0
  let worker: Worker | undefined
  let onClosed: (() => void) | undefined

  let bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let view = viewOf(bytes)
  let at = 0
  let count = 0
  let timer: NodeJS.Timeout | undefined

  function send(): void {
    clearTimeout(timer)
    timer = undefined
    if (count === 0) return
    worker ??= startWorker()
    // A copy, which is no larger than what it holds: many may have to wait.
    const packed = new Uint8Array(bytes.subarray(0, at))
    post({ type: 'auctions', bytes: packed, count }, [packed.buffer])
    at = 0
    count = 0
  }

  function makeRoom(size: number): void {
    if (at + size <= bytes.length) return
    send()
    if (size <= bytes.length) return
    bytes = Buffer.allocUnsafeSlow(size)
    view = viewOf(bytes)
  }

  function post(message: ToThread, transfer: ArrayBuffer[] = []): void {
    worker?.postMessage(message, transfer)
  }

  function startWorker(): Worker {
    const started = new Worker(THREAD, { workerData: data, execArgv: [] })
    // It ends with the process, which flushes it before.
    started.unref()
    started.on('message', (message: FromThread) => {
      if (message.type === 'closed') onClosed?.()
      else receive(message.progress)
    })
    started.on('error', (error) => onError(`the auction log's thread has ended: ${error.message}`))
    started.once('exit', () => {
      if (worker !== started) return
      worker = undefined
      const left = pending() - count
      lost += left
      writtenByOthers += progress.written
      givenUpByOthers += progress.givenUp
      progress = { ...progress, written: 0, pendingBytes: 0, givenUp: 0 }
      if (left > 0) onError(`${left} auctions are not in the log, since its thread has ended`)
      for (const resolve of whenWritten) resolve()
    })
    return started
  }

  function receive(newest: LogProgress): void {
    const { error, givenUp } = progress
    progress = newest
    if (newest.error !== undefined && error === undefined) {
      onError(`auctions cannot be logged, and wait in memory: ${newest.error}`)
    }
    if (newest.error === undefined && error !== undefined) onRecovery()
    if (newest.givenUp > 0 && givenUp === 0) {
      onError(
        `more auctions wait to be logged than ${pendingBytesMax} bytes: the oldest are given up, and only counted`,
      )
    }
    if (pending() === 0) for (const resolve of whenWritten) resolve()
  }

  function pending(): number {
    return recorded - lost - writtenByOthers - progress.written
  }

  return {
    record(auction) {
      const notices = noticesOf(auction)
      makeRoom(packedBytesMax(auction, notices))
      at = packAuction(auction, notices, bytes, view, at)
      count += 1
      recorded += 1
      timer ??= setTimeout(send, SEND_AFTER_MS).unref()
    },
    pending,
    async flush(timeoutMs) {
      send()
      post({ type: 'flush' })
      if (pending() === 0) return 0
      const lostBefore = lost
      let finish = () => {}
      const written = new Promise<void>((resolve) => {
        finish = resolve
        whenWritten.add(finish)
      })
      await inTime(written, timeoutMs).catch(() => {})
      whenWritten.delete(finish)
      return pending() + lost - lostBefore
    },
    status: () => ({
      status: progress.error === undefined ? 'up' : 'down',
      pendingAuctions: pending(),
      pendingBytes: progress.pendingBytes + at,
      pendingBytesMax,
      givenUp: givenUpByOthers + progress.givenUp,
      ...(progress.error !== undefined && { error: progress.error }),
    }),
    async dispose() {
      clearTimeout(timer)
      const ending = worker
      if (ending === undefined) return
      const closed = new Promise<void>((resolve) => {
        onClosed = resolve
      })
      post({ type: 'close' })
      await inTime(closed, CLOSE_TIMEOUT_MS).catch(() => {})
      worker = undefined
      await ending.terminate()
    },
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** What is packed before it is handed to the thread: some 300 auctions of eight responses. */
const CHUNK_BYTES = 65_536
/** Or how long it waits for more, in milliseconds. */
const SEND_AFTER_MS = 200
/** How long the thread may take to end its last statement, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2_000
const THREAD = threadFile(new URL('./writer-thread.js', import.meta.url))
