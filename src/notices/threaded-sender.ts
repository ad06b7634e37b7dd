import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { inTime } from '../in-time.ts'
import { threadFile } from '../thread-file.ts'
import type { OpenNoticeSenderOptions } from './open-sender.ts'
import type { NoticeProgress } from './sender.ts'

export type SenderData = Omit<OpenNoticeSenderOptions, 'onProgress' | 'onGivenUp'>

export type FromSenderThread =
  | { readonly type: 'progress'; readonly progress: NoticeProgress }
  | { readonly type: 'givenUp'; readonly bidderId: string; readonly notices: number; readonly reason: string }

export interface ThreadedSender {
  /** Begins to send, where that was not done before. */
  start(): void
  dispose(): Promise<void>
}

/**
 * A sender in a thread of its own, so that no auction waits for what it does. There is none until it is started, since
 * most services have nobody to tell. Started anew where it ends by itself.
 */
export function createThreadedSender(options: OpenNoticeSenderOptions): ThreadedSender {
  const { onProgress, onGivenUp, ...data } = options
  let isDisposed = false
  let worker: Worker | undefined

  function start(): void {
    if (isDisposed || worker !== undefined) return
    const started = new Worker(THREAD, { workerData: data satisfies SenderData, execArgv: [] })
    worker = started
    started.unref()
    started.on('message', (message: FromSenderThread) => {
      if (message.type === 'progress') onProgress(message.progress)
      else onGivenUp(message.bidderId, message.notices, message.reason)
    })
    started.on('error', (error) => onProgress({ sent: 0, givenUp: 0, error: error.message }))
    started.once('exit', () => {
      worker = undefined
      if (!isDisposed) setTimeout(start, RESTART_MS).unref()
    })
  }

  return {
    start,
    async dispose() {
      isDisposed = true
      const ending = worker
      if (ending === undefined) return
      const ended = once(ending, 'exit')
      ending.postMessage('close')
      await inTime(ended, CLOSE_TIMEOUT_MS).catch(() => {})
      await ending.terminate()
    },
  }
}

const RESTART_MS = 1_000
/** How long the calls under way may take, in milliseconds; what is not known to be sent is sent later. */
const CLOSE_TIMEOUT_MS = 3_000
const THREAD = threadFile(new URL('./sender-thread.js', import.meta.url))
