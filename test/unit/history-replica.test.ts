import { expect, it } from 'vitest'
import { createReplicaReader } from '../../src/history/replica.ts'
import { type AuctionHistory, HistoryError } from '../../src/history/types.ts'

function historyOf(stats: () => unknown): AuctionHistory & { asked: number } {
  const history = {
    asked: 0,
    auction: async () => undefined,
    auctions: async () => ({ auctions: [], hasMore: false }),
    stats: async () => {
      history.asked += 1
      const result = stats()
      if (result instanceof Error) throw result
      return []
    },
  }
  return history
}

const QUERY = { fromMs: 0, toMs: 60_000, granularity: 'MINUTE', groupBy: [], bucketsMax: 1 } as const
const AWAY = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

it('should leave a replica alone for a while that did not answer, and then ask it again', async () => {
  let nowMs = 0
  let isAway = true
  let fallbacks = 0
  const replica = historyOf(() => (isAway ? AWAY : undefined))
  const primary = historyOf(() => undefined)
  const read = createReplicaReader({ replica, primary, monotonic: () => nowMs })
  const stats = () => read(() => (fallbacks += 1)).stats(QUERY)

  await stats()
  await stats()
  expect([replica.asked, primary.asked, fallbacks]).toEqual([1, 2, 2])
  nowMs = 4_999
  isAway = false
  await stats()
  expect([replica.asked, primary.asked, fallbacks]).toEqual([1, 3, 3])
  nowMs = 5_000
  await stats()
  await stats()
  expect([replica.asked, primary.asked, fallbacks]).toEqual([3, 3, 3])
})

it('should not ask the primary what was refused', async () => {
  const refusal = new HistoryError('RANGE_TOO_LARGE', 'Too much.')
  const primary = historyOf(() => undefined)
  const read = createReplicaReader({ replica: historyOf(() => refusal), primary, monotonic: () => 0 })
  await expect(read(() => {}).stats(QUERY)).rejects.toBe(refusal)
  expect(primary.asked).toBe(0)
})
