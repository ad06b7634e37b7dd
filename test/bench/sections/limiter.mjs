import { once } from 'node:events'
import { forkOnLoaderCpu } from '../load.mjs'
import { atMost, fixed, table } from '../numbers.mjs'

export const title = 'The limiter with a million addresses in each window'

const ADDRESSES = 1_000_000
const MEMORY_GOAL_MB = 48
const HOLD_GOAL_MS = 10
/** A collection's own threads wait for a processor as well, which is in no figure of the main one's: it does without them. */
const FLAGS = ['--expose-gc', '--single-threaded-gc']

/**
 * The limiter alone, in a process of its own, with ever new addresses.
 * @param {import('../types.ts').Bench} bench
 * @returns {Promise<import('../types.ts').Findings>}
 */
export async function run({ use, progress }) {
  progress(`${fixed(ADDRESSES)} addresses a window`)
  const child = forkOnLoaderCpu('limiter-process.mjs', FLAGS)
  await use({ stop: () => child.kill() })
  child.send({ addresses: ADDRESSES })
  /** @type {[import('../limiter-process.mjs').Window[]]} */
  const [windows] = /** @type {any} */ (await once(child, 'message'))
  return {
    lines: [
      "Ever new addresses, evenly over each window, without a service: a window's million are remembered while the next come, and their memory is used again as they leave. Resident memory is after a garbage collection, above what the process had before. The longest hold is of 64 requests in one turn of the event loop, collections within it too, less the time for which the process waited for a processor (/proc/self/task/*/schedstat).",
      table(
        ['window', 'addresses remembered', 'resident MB above none', 'longest hold ms'],
        windows.map(({ remembered, bytes, longestHoldMs }, index) => [
          String(index + 1),
          fixed(remembered),
          fixed(bytes / 1e6, 1),
          fixed(longestHoldMs, 2),
        ]),
      ),
    ],
    goals: [
      atMost(
        `resident memory of ${fixed(ADDRESSES)} addresses within a window`,
        MEMORY_GOAL_MB,
        (windows[0]?.bytes ?? NaN) / 1e6,
        { digits: 1, unit: ' MB' },
      ),
      atMost(
        'longest hold of the event loop by the limiter',
        HOLD_GOAL_MS,
        Math.max(...windows.map(({ longestHoldMs }) => longestHoldMs)),
        { unit: ' ms' },
      ),
    ],
  }
}
