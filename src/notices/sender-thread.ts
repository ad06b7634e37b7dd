/** The thread that sends notices beside a service. What it is told and what it tells is in threaded-sender.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { openNoticeSender } from './open-sender.ts'
import type { FromSenderThread, SenderData } from './threaded-sender.ts'

function tell(message: FromSenderThread): void {
  parentPort?.postMessage(message)
}

const sender = openNoticeSender({
  ...(workerData as SenderData),
  onProgress: (progress) => tell({ type: 'progress', progress }),
  onGivenUp: (bidderId, notices, reason) => tell({ type: 'givenUp', bidderId, notices, reason }),
})
parentPort?.once('message', async () => {
  await sender.dispose()
  parentPort?.close()
})
