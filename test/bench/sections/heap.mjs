import { atMost, fixed, megabytes, table } from '../numbers.mjs'
import { startService } from '../server.mjs'

export const title = 'Heap over a million auctions, and another'

/** Short, so that the addresses that the limiter remembers are soon as many as they get. */
const RATE_LIMIT_WINDOW_MS = '500'
const SLICE_MS = 5000
/** What two measurements of the same heap may differ by: compiled code, inline caches. */
const NOISE_BYTES = 1024 * 1024

/**
 * The heap after a garbage collection: warm, after a million auctions, and after a second million.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ loader, use, progress, auctions }) {
  const server = await use(startService({ env: { RATE_LIMIT_WINDOW_MS }, memory: true }))
  const rows = []
  async function auctionsUpTo(count, label) {
    let done = 0
    let seconds = 0
    while (done < count) {
      const report = await loader.measure(server, { durationMs: SLICE_MS })
      done += report.answers
      seconds += report.elapsedMs / 1000
      progress(`${label}: ${fixed(done)} of ${fixed(count)}`)
    }
    const { heapUsed, external, rss } = await settled(server)
    rows.push({ label, done, seconds, heapUsed, external, rss })
  }
  await auctionsUpTo(auctions / 4, 'warm-up')
  await auctionsUpTo(auctions, 'first million')
  await auctionsUpTo(auctions, 'second million')
  const growth = rows[2].heapUsed - rows[1].heapUsed
  return {
    lines: [
      `RATE_LIMIT_WINDOW_MS is ${RATE_LIMIT_WINDOW_MS}, so that the limiter's memory of addresses is not what is measured.`,
      table(
        ['after', 'auctions', 'auctions/s', 'heap MB', 'external MB', 'resident MB'],
        rows.map(({ label, done, seconds, heapUsed, external, rss }) => [
          label,
          fixed(done),
          fixed(done / seconds),
          fixed(heapUsed / 2 ** 20, 2),
          fixed(external / 2 ** 20, 2),
          megabytes(rss),
        ]),
      ),
    ],
    goals: [
      atMost('heap growth that a second million auctions repeats', NOISE_BYTES / 2 ** 20, growth / 2 ** 20, {
        unit: ' MB',
      }),
    ],
  }
}

/** The limiter forgets addresses by a later request: one more, two windows later, and again. */
async function settled(server) {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, Number(RATE_LIMIT_WINDOW_MS) * 2))
    await server.oneAuction()
  }
  return server.memory()
}
