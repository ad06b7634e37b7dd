import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { type Conduct, type HttpBidder, startHttpBidder } from '../support/http-bidder.ts'
import { type Instance, type LogLine, startInstance } from '../support/instance.ts'
import { type LoadResult, runLoad } from '../support/load.ts'
import { measureMemory } from '../support/memory.ts'
import { makeMigratedDataDir } from '../support/migrated-data-dir.ts'
import { connectedClients, openSockets } from '../support/sockets.ts'
import { add, type Counters, readCounters } from '../support/statistics.ts'
import { createTestBed, loadData } from '../support/topology.ts'

/** How many auctions; where it is not set, as many as fit into DURATION_MS. */
const AUCTIONS = Number(process.env.CHAOS_AUCTIONS ?? 0)
const DURATION_MS = 20_000
const THIRDS = 3
/** Few beside REQUESTS_TO_OPEN_MAX: so many are under way when a circuit opens. */
const CONCURRENCY = 16
const TMAX_MS = 100
const SUPPLY_IDS = ['news', 'sport']
const CONDUCTS: Readonly<Record<string, Conduct>> = {
  acme: 'bids',
  bolt: 'bids',
  crux: 'bids',
  dune: 'bids',
  echo: 'bids',
  garbled: 'garbage',
  hanging: 'hangs',
  resetting: 'resets',
}
const FAILING = ['garbled', 'hanging', 'resetting']
const ASKED = ['WON', 'LOST', 'NO_BID', 'TIMED_OUT', 'ERROR']
const REQUESTS_TO_OPEN_MAX = 100
/** Who fails is not asked for longer than this: what arrives within it was sent before. In milliseconds. */
const UNDER_WAY_MS = 1000
const RECOVERY_MS_MAX = 10_000
/** What two measurements of the same heap may differ by: compiled code, inline caches. */
const NOISE_BYTES = 1024 * 1024
/** Those that the test itself asks over. */
const NOISE_SOCKETS = 4

describe('eight bidders over HTTP, of which one hangs, one resets and one answers garbage', () => {
  const bed = createTestBed()
  afterEach(() => bed.dispose())

  async function start() {
    const bidders = new Map<string, HttpBidder>()
    for (const [id, conduct] of Object.entries(CONDUCTS)) bidders.set(id, await bed.own(startHttpBidder(conduct)))
    const folder = await mkdtemp(join(tmpdir(), 'auction-bidders-'))
    await bed.own({ dispose: () => rm(folder, { recursive: true, force: true }) })
    await makeMigratedDataDir(join(folder, 'data'))
    const env = {
      DATA_DIR: join(folder, 'data'),
      AUCTION_LOG: 'off',
      // Short, so that the addresses that the limiter remembers are not what grows.
      RATE_LIMIT_WINDOW_MS: '500',
    }
    await loadData(env, {
      supplies: Object.fromEntries(SUPPLY_IDS.map((id) => [id, [...bidders.keys()]])),
      bidders: Object.fromEntries([...bidders].map(([id, { endpoint }]) => [id, { country: 'US', endpoint }])),
    })
    const inspectorPort = await freePort()
    const instance = await bed.own(startInstance({ ...env, NODE_OPTIONS: `--inspect=127.0.0.1:${inspectorPort}` }))
    const run = (auctions: number | (() => boolean)) =>
      runLoad({
        targets: [instance.graphqlUrl],
        concurrency: CONCURRENCY,
        supplyIds: SUPPLY_IDS,
        countries: ['US'],
        tmax: TMAX_MS,
        auctions,
      })
    return { bidders, instance, run, usedBytes: async () => (await measureMemory(inspectorPort)).usedBytes }
  }

  it('should count what clients are told, hold nothing for good, and ask again who is well again', async () => {
    const { bidders, instance, run, usedBytes } = await start()
    const told: Counters = new Map()
    const used: number[] = []
    const sockets: number[] = []
    let auctions = 0

    async function load(count: number | (() => boolean)): Promise<void> {
      const result = await run(count)
      expect(result).toMatchObject({ errors: new Map(), unanswered: 0 })
      addAll(told, result)
      auctions += result.acknowledged
    }

    for (let third = 0; third < THIRDS; third += 1) {
      const endsAt = performance.now() + DURATION_MS / THIRDS
      await load(AUCTIONS > 0 ? Math.ceil(AUCTIONS / THIRDS) : () => performance.now() < endsAt)
      await untilAtRest(instance, [...bidders.values()])
      used.push(await usedBytes())
      sockets.push(openSockets(instance))
    }

    const untilOpen = FAILING.map((id) => {
      const openedAtMs = toldAt(instance, `bidder ${id} fails: it is not asked for a while`)
      expect(openedAtMs, `when the circuit to ${id} opened`).not.toBeNaN()
      return bidders.get(id)?.requestedAtMs.filter((ms) => ms < openedAtMs + UNDER_WAY_MS).length
    })
    for (const requests of untilOpen) expect(requests).toBeLessThanOrEqual(REQUESTS_TO_OPEN_MAX)

    const recoveredAtMs = Date.now()
    for (const id of FAILING) (bidders.get(id) as HttpBidder).conduct = 'bids'
    const answersAgain = (id: string) => toldAt(instance, `bidder ${id} answers again`, recoveredAtMs)
    const isFailing = () => FAILING.some((id) => Number.isNaN(answersAgain(id)))
    await load(() => isFailing() && Date.now() < recoveredAtMs + 2 * RECOVERY_MS_MAX)
    const recoveryMs = FAILING.map((id) => answersAgain(id) - recoveredAtMs)
    for (const ms of recoveryMs) expect(ms, 'milliseconds until asked as before').toBeLessThan(RECOVERY_MS_MAX)

    expect(await readCounters(instance.graphqlUrl)).toEqual(told)
    for (const [id, { requestedAtMs }] of bidders) {
      const asked = countOf(told, id, ASKED)
      expect(asked + countOf(told, id, ['SKIPPED']), `auctions that ${id} is in`).toBe(auctions)
      const unsent = asked - requestedAtMs.length
      expect(unsent, `requests to ${id} beyond those told of`).toBeGreaterThanOrEqual(0)
      if (!FAILING.includes(id)) expect(unsent).toBeLessThanOrEqual(countOf(told, id, ['TIMED_OUT']))
    }
    console.log(
      `${auctions} auctions; after each third ${used.map((bytes) => (bytes / 2 ** 20).toFixed(2)).join(', ')} MB used and ` +
        `${sockets.join(', ')} sockets open; not asked after ${untilOpen.join(', ')} requests, well again after ${recoveryMs.join(', ')} ms`,
    )
    expect((used.at(-1) ?? 0) - (used[0] ?? 0)).toBeLessThan(NOISE_BYTES)
    expect((sockets.at(-1) ?? 0) - (sockets[0] ?? 0)).toBeLessThanOrEqual(NOISE_SOCKETS)
  })
})

/** Nothing is under way to any bidder, and connections that nobody has used for a while are closed. */
async function untilAtRest(instance: Instance, all: readonly HttpBidder[]): Promise<void> {
  await vi.waitFor(
    async () => {
      const { dependencies } = await instance.readiness()
      const { bidders } = dependencies.bidders as unknown as { bidders: Record<string, { inFlight: number }> }
      expect(Object.values(bidders).filter(({ inFlight }) => inFlight > 0)).toEqual([])
      expect(all.flatMap(({ port }) => [...connectedClients(port)])).toEqual([])
    },
    { interval: 200 },
  )
}

/** When the log said it, from a time on, in milliseconds since 1970; NaN: not yet. */
function toldAt({ log }: Instance, message: string, fromMs = 0): number {
  const isIt = ({ msg, time }: LogLine) => msg === message && Number(time) >= fromMs
  return Number(log.find(isIt)?.time ?? Number.NaN)
}

function addAll(counters: Counters, { counters: more }: LoadResult): void {
  for (const [name, amount] of more) add(counters, name, amount)
}

/** Over all supplies. */
function countOf(counters: Counters, bidderId: string, outcomes: readonly string[]): number {
  const names = SUPPLY_IDS.flatMap((supplyId) => outcomes.map((outcome) => `${supplyId} ${bidderId} ${outcome}`))
  return names.reduce((sum, name) => sum + (counters.get(name) ?? 0), 0)
}
