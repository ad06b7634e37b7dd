/** The thread that ships the auction log beside a service. What it is told and what it tells is in threaded-shipper.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { openShipper } from './open-shipper.ts'
import type { ShipperData } from './threaded-shipper.ts'

const shipper = await openShipper({
  ...(workerData as ShipperData),
  onProgress: (progress) => parentPort?.postMessage(progress),
})
parentPort?.once('message', async () => {
  await shipper.dispose()
  parentPort?.close()
})
