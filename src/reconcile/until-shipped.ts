import { setTimeout as delay } from 'node:timers/promises'
import type { PrismaClient } from '../generated/prisma/client.ts'
import { isAfter, type LogStream } from '../history/log-stream.ts'
import { STREAM_WRITER } from '../history/stream-keys.ts'
import { ReconcileError } from './reconcile-error.ts'

/**
 * Waits until what is in the streams now is in the database.
 * @throws ReconcileError where that takes longer than `timeoutMs`
 */
export async function untilShipped(
  streams: readonly ShippedStream[],
  prisma: PrismaClient,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  const newest = await Promise.all(streams.map(async (stream) => ({ stream, last: await stream.last() })))
  for (const { stream, last } of newest) {
    while (!(await isShipped(stream, last)) || (await stream.hasCounted())) {
      if (performance.now() > deadline) {
        const message = `auctions have waited in Redis for ${timeoutMs / 1000} s and are not in the database: see that \`auction worker\` runs`
        throw new ReconcileError(message)
      }
      await delay(POLL_MS)
    }
  }

  async function isShipped(stream: ShippedStream, position: string | undefined): Promise<boolean> {
    if (position === undefined || (await stream.size()).entries === 0) return true
    const known = await prisma.auctionLogWriter.findUnique({ where: { writer: `${STREAM_WRITER}${stream.part}` } })
    return known !== null && !isAfter(position, known.position)
  }
}

type ShippedStream = Pick<LogStream, 'part' | 'last' | 'size' | 'hasCounted'>

const TIMEOUT_MS = 30_000
const POLL_MS = 50
