import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { bodiesOf, createFuzzer, documentFuzzes, type Fuzz, type Fuzzer, fuzzes } from '../support/fuzz/fuzzer.ts'
import { EXACT_SUPPLIES, FUZZ_SUPPLIES, LONELY_SUPPLIES } from '../support/fuzz/requests.ts'
import { dataOf } from '../support/graphql.ts'
import { startHttpBidder } from '../support/http-bidder.ts'
import { type Instance, startInstance } from '../support/instance.ts'
import { measureMemory } from '../support/memory.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { openSockets } from '../support/sockets.ts'
import { readCounters } from '../support/statistics.ts'
import { createTestBed, loadData } from '../support/topology.ts'

/** How many bodies; where it is not set, as many as fit into DURATION_MS. */
const BODIES = Number(process.env.FUZZ_BODIES ?? 0)
/** What is drawn: the same in each short run, so that it fails for what was changed; the seed of a failure comes with it. */
const SEED = Number(process.env.FUZZ_SEED ?? (BODIES > 0 ? Date.now() % 2 ** 31 : 1))
const DURATION_MS = 9000
const THIRDS = 3
/** What one client sends at a time, at most. */
const BATCH = 16
const CLIENTS = 8
/** Batches that a client draws of one seed: so few that each third of a short run has some. */
const ROUND = 2
/**
 * Documents that a long run begins with, sent twice each: the operations of a thousand texts are kept, and of twelve
 * documents one is executed. What is kept is full then, before its growth is measured.
 */
const FILLING_BODIES = BODIES > 0 ? 24_000 : 0
/** Of all; a long run says how many bodies it is of. */
const TIMEOUT_MS = BODIES > 0 ? 3_600_000 : 120_000
const ERROR_LEVEL = 50
/**
 * In a short run the operations and answers that are kept, all of them bounded, are not all there after the first third;
 * in a long one half of the operations go at once, where as many newer ones have come.
 */
const GROWTH_BYTES_MAX = (BODIES > 0 ? 16 : 64) * 1024 * 1024
/** Those that the test itself keeps to ask over, of which some may be open or not: thousands come and go. */
const NOISE_SOCKETS = 40

describe('a service that is sent whatever can be sent', () => {
  const bed = createTestBed()
  afterEach(() => bed.dispose())

  async function start() {
    const bidder = await bed.own(startHttpBidder('bids'))
    const folder = await mkdtemp(join(tmpdir(), 'auction-fuzz-'))
    await bed.own({ dispose: () => rm(folder, { recursive: true, force: true }) })
    await makeMigratedDataDir(join(folder, 'data'))
    const env = {
      DATA_DIR: join(folder, 'data'),
      SIMULATED_LATENCY_FACTOR: '0',
      // Some are refused; and short, so that the addresses that the limiter remembers are not what grows.
      RATE_LIMIT_MAX: '16',
      RATE_LIMIT_WINDOW_MS: '500',
      LOG_LEVEL: 'warn',
    }
    const sold = FUZZ_SUPPLIES.map((id) => [id, ['acme', 'bolt', 'dune']])
    const unsold = LONELY_SUPPLIES.map((id) => [id, []])
    await loadData(env, {
      supplies: Object.fromEntries([...sold, ...unsold]),
      bidders: { acme: { country: 'US' }, bolt: { country: 'US', endpoint: bidder.endpoint }, dune: { country: 'GB' } },
    })
    const inspectorPort = await freePort()
    const instance = await bed.own(startInstance({ ...env, NODE_OPTIONS: `--inspect=127.0.0.1:${inspectorPort}` }))
    const fuzzer = await createFuzzer(instance.url)
    await bed.own({ dispose: async () => fuzzer.dispose() })
    return { instance, fuzzer, memory: () => measureMemory(inspectorPort) }
  }

  it(
    'should refuse it by its codes, hold nothing for good, and count what it acknowledges',
    async () => {
      const { instance, fuzzer, memory } = await start()
      const startedAt = performance.now()
      const used: number[] = []
      const rss: number[] = []
      const sockets: number[] = []
      let sent = 0
      let rounds = 0
      const sendUntil = async (isOver: () => boolean, arbitrary: fc.Arbitrary<Fuzz>) => {
        const clients = Array.from({ length: CLIENTS }, async () => {
          while (!isOver()) {
            await fuzzRound(instance, fuzzer, arbitrary, SEED + rounds++, (batch) => {
              for (const fuzz of batch) sent += bodiesOf(fuzz)
            })
          }
        })
        await Promise.all(clients)
      }
      await sendUntil(() => sent >= FILLING_BODIES, documentFuzzes)

      for (let third = 1; third <= THIRDS; third += 1) {
        const isOver = () =>
          BODIES > 0
            ? sent >= FILLING_BODIES + (BODIES * third) / THIRDS
            : performance.now() - startedAt > (DURATION_MS * third) / THIRDS
        await sendUntil(isOver, fuzzes)
        await untilAtRest(instance)
        const { usedBytes, rssBytes } = await memory()
        used.push(usedBytes)
        rss.push(rssBytes)
        sockets.push(openSockets(instance))
      }
      const seconds = Math.round((performance.now() - startedAt) / 1000)
      console.log(
        `${sent} bodies in ${seconds} s, seed ${SEED}; after each third ${megabytes(used)} MB used, ${megabytes(rss)} MB in RAM and ` +
          `${sockets.join(', ')} sockets; ${fuzzer.acknowledged()} auctions acknowledged; ` +
          [...fuzzer.counts]
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, count]) => `${name}: ${count}`)
            .join(', '),
      )

      expect(instance.log.filter(({ level }) => level >= ERROR_LEVEL)).toEqual([])
      const counters = await readCounters(instance.graphqlUrl)
      const totalOf = (ids: readonly string[]) => ids.reduce((sum, id) => sum + (counters.get(`${id} total`) ?? 0), 0)
      expect(totalOf(EXACT_SUPPLIES)).toBe(fuzzer.acknowledged())
      await untilLogged(instance, totalOf([...FUZZ_SUPPLIES, ...LONELY_SUPPLIES]))
      expect((used.at(-1) ?? 0) - (used[0] ?? 0)).toBeLessThan(GROWTH_BYTES_MAX)
      expect((sockets.at(-1) ?? 0) - (sockets[0] ?? 0)).toBeLessThanOrEqual(NOISE_SOCKETS)
    },
    TIMEOUT_MS,
  )
})

/** Sends some batches, each at once, beside ordinary auctions. */
async function fuzzRound(
  instance: Instance,
  fuzzer: Fuzzer,
  arbitrary: fc.Arbitrary<Fuzz>,
  seed: number,
  onBatch: (batch: readonly Fuzz[]) => void,
): Promise<void> {
  let isGone = false
  void instance.exited.then(() => {
    isGone = true
  })
  const property = fc.asyncProperty(fc.array(arbitrary, { minLength: 1, maxLength: BATCH }), async (batch) => {
    // What killed it is not to be shrunk: nothing would be answered.
    if (isGone) return
    onBatch(batch)
    await Promise.all([fuzzer.sendOrdinary(), ...batch.map((fuzz) => fuzzer.send(fuzz))])
  })
  await fc.assert(property, { seed, numRuns: ROUND })
  expect(isGone, 'whether it has ended').toBe(false)
}

/** Nothing is under way. */
async function untilAtRest(instance: Instance): Promise<void> {
  await vi.waitFor(
    async () => {
      const readiness = await instance.readiness()
      expect(readiness).toMatchObject({
        httpStatus: 200,
        status: 'ready',
        load: { auctionsInFlight: 0 },
        liveStatistics: { subscribers: 0 },
      })
    },
    { interval: 200 },
  )
}

async function untilLogged({ graphqlUrl }: Instance, auctions: number): Promise<void> {
  const day = 86_400_000
  const from = new Date(Date.now() - day).toISOString()
  const to = new Date(Date.now() + day).toISOString()
  const query =
    'query($from: DateTime!, $to: DateTime!) { statsHistory(from: $from, to: $to, granularity: DAY) { requests } }'
  await expect
    .poll(
      async () => {
        const { statsHistory } = await dataOf<{ statsHistory: { requests: number }[] }>(graphqlUrl, query, { from, to })
        return statsHistory.reduce((sum, { requests }) => sum + requests, 0)
      },
      { interval: 200 },
    )
    .toBe(auctions)
}

function megabytes(bytes: readonly number[]): string {
  return bytes.map((each) => (each / 2 ** 20).toFixed(1)).join(', ')
}
