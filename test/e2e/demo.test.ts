import { existsSync } from 'node:fs'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEMO_SUPPLIES, type Demo, startDemo } from '../../src/composition/demo.ts'
import { parseConfig } from '../../src/config.ts'
import { dataOf } from '../support/graphql.ts'

const STATS = 'query($ids: [ID!]) { stats(supplyIds: $ids) { bidders { bidderId wins timeouts errors skipped } } }'

interface Bidder {
  readonly bidderId: string
  readonly wins: number
  readonly timeouts: number
  readonly errors: number
  readonly skipped: number
}

describe('the demonstration', () => {
  const lines: string[] = []
  let app: Demo
  beforeAll(async () => {
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
    const config = parseConfig({ PORT: '0', NOTICE_ALLOW_PRIVATE: '1', MAX_EVENT_LOOP_DELAY_MS: '0' })
    app = await startDemo({ config, log, rate: 30, seed: 1 })
  })
  afterAll(() => app?.dispose())

  it('should sell to partners over HTTP, show late answers and errors, and open the circuit of the one that fails', async () => {
    await expect
      .poll(
        async () => {
          const { stats } = await dataOf<{ stats: { bidders: Bidder[] }[] }>(`${app.url}/graphql`, STATS, {
            ids: DEMO_SUPPLIES,
          })
          const of = (id: string) => stats.flatMap(({ bidders }) => bidders.filter(({ bidderId }) => bidderId === id))
          return {
            sold: of('swift-ads').some(({ wins }) => wins > 0),
            late: of('slow-media').some(({ timeouts }) => timeouts > 0),
            failed: of('shaky-network').some(({ errors }) => errors > 0),
            spared: of('shaky-network').some(({ skipped }) => skipped > 0),
          }
        },
        { timeout: 60_000, interval: 250 },
      )
      .toEqual({ sold: true, late: true, failed: true, spared: true })
    expect(lines.join()).toContain('bidder shaky-network fails')
  })

  it('should leave nothing behind', async () => {
    const { folder } = app
    expect(existsSync(folder)).toBe(true)
    await app.dispose()
    expect(existsSync(folder)).toBe(false)
  })
})
