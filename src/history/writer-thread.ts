/** The thread that writes the auction log. What it is told and what it tells is in threaded-log.ts, which starts it. */
import { randomUUID } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { createLogWriter } from './log-writer.ts'
import { createPostgresLogStore } from './postgres-store.ts'
import type { FromThread, ThreadData, ToThread } from './threaded-log.ts'

const { connectionString, embedded, batchMax, pendingBytesMax } = workerData as ThreadData
const writer = createLogWriter({
  store: createPostgresLogStore({ connectionString, embedded, writer: randomUUID() }),
  batchMax,
  pendingBytesMax,
  onProgress: (progress) => tell({ type: 'progress', progress }),
})

function tell(message: FromThread): void {
  parentPort?.postMessage(message)
}

parentPort?.on('message', async (message: ToThread) => {
  if (message.type === 'auctions')
    writer.add({ bytes: Buffer.from(message.bytes.buffer, 0, message.bytes.length), count: message.count })
  else if (message.type === 'flush') writer.flush()
  else {
    await writer.dispose()
    tell({ type: 'closed' })
  }
})
