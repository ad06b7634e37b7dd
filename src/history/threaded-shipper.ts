import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { inTime } from '../in-time.ts'
import { threadFile } from '../thread-file.ts'
import type { OpenShipperOptions } from './open-shipper.ts'
import type { Shipper, ShipperProgress } from './shipper.ts'

export type ShipperData = Omit<OpenShipperOptions, 'onProgress'>

/** A shipper in a thread of its own, so that no auction waits for what it does. Started anew where it ends by itself. */
export function createThreadedShipper(options: OpenShipperOptions): Shipper {
  const { onProgress, ...data } = options
  let isDisposed = false
  let worker = start()

  function start(): Worker {
    const started = new Worker(THREAD, { workerData: data satisfies ShipperData, execArgv: [] })
    started.unref()
    started.on('message', (progress: ShipperProgress) => onProgress(progress))
    started.on('error', (error) => onProgress({ shipped: 0, isStandby: false, error: error.message }))
    started.once('exit', () => {
      if (!isDisposed) setTimeout(restart, RESTART_MS).unref()
    })
    return started
  }

  function restart(): void {
    if (!isDisposed) worker = start()
  }

  return {
    async dispose() {
      isDisposed = true
      const ended = once(worker, 'exit')
      worker.postMessage('close')
      await inTime(ended, CLOSE_TIMEOUT_MS).catch(() => {})
      await worker.terminate()
    },
  }
}

const RESTART_MS = 1_000
/** How long the batch under way may take, in milliseconds; what is not committed is shipped later. */
const CLOSE_TIMEOUT_MS = 2_000
const THREAD = threadFile(new URL('./shipper-thread.js', import.meta.url))
