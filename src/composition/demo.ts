import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDataFile } from '../catalog/data-file.ts'
import type { Config } from '../config.ts'
import { DEMO_PARTNERS } from '../demand-partner/demo-partners.ts'
import { startDemandPartner } from '../demand-partner/server.ts'
import { createDisposer } from '../disposer.ts'
import type { Logger } from '../log.ts'
import { createRandom } from '../random.ts'
import { type App, createApp } from './app.ts'

export interface DemoOptions {
  /** Its data folder is not used. */
  readonly config: Config
  readonly log: Logger
  /** How many auctions a second it holds by itself; 0: none. */
  readonly rate: number
  readonly seed: number
}

/** A running demonstration. */
export interface Demo extends App {
  /** Where its database is until it ends. */
  readonly folder: string
}

/** The supplies of the demonstration; the last bidder of each is simulated. */
export const DEMO_SUPPLIES = ['front-page', 'video-player'] as const

/**
 * A service among demand partners over HTTP, with a database of its own that is forgotten, which sells impressions from
 * the start, so that there is something to see.
 * @throws ListenError, and whatever a service's start throws
 */
export async function startDemo({ config, log, rate, seed }: DemoOptions): Promise<Demo> {
  const disposer = createDisposer()
  try {
    const folder = await mkdtemp(join(tmpdir(), 'auction-demo-'))
    disposer.add(() => rm(folder, { recursive: true, force: true }))
    const startedAt = performance.now()
    const endpoints = new Map<string, string>()
    for (const [index, { name, behaviourAt }] of DEMO_PARTNERS.entries()) {
      const partner = await startDemandPartner({
        behaviour: () => behaviourAt(performance.now() - startedAt),
        port: 0,
        host: '127.0.0.1',
        seed: seed + index,
        onNotice: ({ kind, parameters }) => log.debug({ partner: name, ...parameters }, `${name} is told: ${kind}`),
      })
      disposer.add(() => partner.dispose())
      endpoints.set(name, partner.endpoint)
    }
    const firstCatalog = catalogOf(endpoints)
    const app = await createApp({ ...config, dataDir: join(folder, 'data') }, { firstCatalog, log })
    disposer.add(() => app.dispose())
    const { auctioneer, confirmations } = app.services
    const random = createRandom(seed)
    const sell = async () => {
      const supplyId = DEMO_SUPPLIES[Math.floor(random() * DEMO_SUPPLIES.length)] as string
      // Of the network for benchmarks (RFC 2544): a new address each time, which no limit refuses.
      const ip = `198.18.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}`
      const result = await auctioneer.run({ supplyId, ip, country: COUNTRY, tmaxMs: TMAX_MS })
      if (result.type === 'HELD' && result.auction.winner) await confirmations?.confirm(result.auction.id)
    }
    const sellLogged = () => void sell().catch((error) => log.error({ err: error }, 'unexpected error'))
    const timer = rate > 0 ? setInterval(sellLogged, 1000 / rate) : undefined
    return {
      ...app,
      folder,
      async dispose() {
        clearInterval(timer)
        const report = await app.dispose()
        await disposer.dispose()
        return report
      },
    }
  } catch (error) {
    await disposer.dispose()
    throw error
  }
}

const COUNTRY = 'US'
const TMAX_MS = 200
const SIMULATED = 'house-ads'

function catalogOf(endpoints: ReadonlyMap<string, string>) {
  const bidders = [...endpoints.keys(), SIMULATED]
  const [frontPage, videoPlayer] = DEMO_SUPPLIES
  const publisher = { id: 'demo', name: 'The Demonstration' }
  const data = {
    supplies: {
      [frontPage]: {
        bidders,
        impression: { banner: { format: [{ w: 300, h: 250 }] } },
        site: { domain: 'news.example', page: 'https://news.example/', publisher },
      },
      [videoPlayer]: {
        bidders,
        floor: 1,
        auctionType: 'SECOND_PRICE',
        impression: {
          video: { mimes: ['video/mp4'], w: 640, h: 360, minduration: 5, maxduration: 30, protocols: [7] },
        },
        site: { domain: 'news.example', page: 'https://news.example/video', publisher },
      },
    },
    bidders: {
      ...Object.fromEntries([...endpoints].map(([id, endpoint]) => [id, { country: COUNTRY, endpoint }])),
      [SIMULATED]: { country: COUNTRY },
    },
  }
  return parseDataFile(JSON.stringify(data), 'the demonstration’s catalogue')
}
