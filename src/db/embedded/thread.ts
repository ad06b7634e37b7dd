import { Worker } from 'node:worker_threads'
import { threadFile } from '../../thread-file.ts'
import { BackendLostError } from './backend.ts'

export interface ThreadData {
  /** PGlite's folder. */
  readonly files: string
}

export type ToThread = { readonly type: 'execute'; readonly messages: Uint8Array } | { readonly type: 'close' }

export type FromThread =
  | { readonly type: 'ready'; readonly greeting: Uint8Array }
  | { readonly type: 'answer'; readonly answer: Uint8Array }
  | { readonly type: 'closed' }
  /** The thread's last message. */
  | { readonly type: 'failed'; readonly reason: string }

/** PGlite in a thread of its own, so that nothing it does, or fails to do, holds up this one. */
export interface BackendThread {
  readonly greeting: Uint8Array
  /**
   * One request at a time.
   * @throws BackendLostError
   */
  execute(messages: Uint8Array): Promise<Uint8Array>
  /** Resolves, once the thread has ended, with the reason. */
  readonly ended: Promise<BackendLostError>
  /** Closes the files and ends the thread, by force where it does not do so in time. */
  close(): Promise<void>
}

export interface ThreadOptions extends ThreadData {
  /** A thread that leaves a request unanswered for so long is ended. */
  readonly answerTimeoutMs: number
  /** Ends a thread that has not opened its files yet. */
  readonly signal: AbortSignal
}

/**
 * Starts PGlite on a folder, which it creates where it is missing.
 * @throws BackendLostError where it cannot open the folder
 */
export async function startThread({ files, answerTimeoutMs, signal }: ThreadOptions): Promise<BackendThread> {
  const data: ThreadData = { files }
  const worker = new Worker(THREAD, { workerData: data, execArgv: [] })
  let reason = 'its thread has ended'
  let receive: ((message: FromThread) => void) | undefined
  worker.on('message', (message: FromThread) => {
    if (message.type === 'failed') reason = message.reason
    else receive?.(message)
  })
  // What it throws outside of a request, such as out of memory.
  worker.on('error', (error) => {
    reason = error.message
  })
  /** Those who wait for a message, to be told that none will come. */
  const waiting = new Set<(error: BackendLostError) => void>()
  let lost: BackendLostError | undefined
  const ended = new Promise<BackendLostError>((resolve) => {
    worker.once('exit', () => {
      lost = new BackendLostError(reason)
      for (const reject of waiting) reject(lost)
      resolve(lost)
    })
  })

  /** The next message; a thread that is late with it is ended, which has its reason rejected. */
  async function nextMessage(timeoutMs: number): Promise<FromThread> {
    const late = setTimeout(() => {
      reason = `it gave no answer in ${timeoutMs} ms`
      void worker.terminate()
    }, timeoutMs)
    let giveUp: (error: BackendLostError) => void = () => {}
    // Not a race with `ended`, which would keep what was ever raced with it, each answer among that, as long as the thread.
    const message = new Promise<FromThread>((resolve, reject) => {
      receive = resolve
      giveUp = reject
    })
    waiting.add(giveUp)
    if (lost) giveUp(lost)
    try {
      return await message
    } finally {
      waiting.delete(giveUp)
      clearTimeout(late)
    }
  }

  const stop = () => void worker.terminate()
  signal.addEventListener('abort', stop)
  const ready = await nextMessage(START_TIMEOUT_MS).finally(() => signal.removeEventListener('abort', stop))
  return {
    greeting: ready.type === 'ready' ? ready.greeting : new Uint8Array(),
    ended,
    async execute(messages) {
      const answered = nextMessage(answerTimeoutMs)
      send(worker, { type: 'execute', messages })
      const message = await answered
      return message.type === 'answer' ? message.answer : new Uint8Array()
    },
    async close() {
      const closed = nextMessage(CLOSE_TIMEOUT_MS)
      send(worker, { type: 'close' })
      await closed.catch(() => {})
      await worker.terminate()
    },
  }
}

function send(worker: Worker, message: ToThread): void {
  const buffer = message.type === 'execute' ? message.messages.buffer : undefined
  // Large requests have memory of their own, and are handed over; small ones are slices of a pool, and are copied.
  const isWhole = message.type === 'execute' && message.messages.byteLength === buffer?.byteLength
  worker.postMessage(message, isWhole && buffer instanceof ArrayBuffer ? [buffer] : [])
}

/** How long it may take to create the files, or to bring those of a killed process in order, in milliseconds. */
const START_TIMEOUT_MS = 120_000
/** How long a thread may take to write its last checkpoint, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5_000
const THREAD = threadFile(new URL('./pglite-thread.js', import.meta.url))
