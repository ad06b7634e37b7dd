import { GraphQLError } from 'graphql'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { bidOf, skipped, timedOut } from '../../src/bidders/response.ts'
import type { Bidder } from '../../src/catalog/types.ts'
import { badRequest, operationUnknown } from '../../src/graphql/errors.ts'
import {
  createBidderCounts,
  NAMED_OVER_HTTP_MAX,
  NAMED_SIMULATED_MAX,
  OUTCOMES,
} from '../../src/telemetry/bidder-counts.ts'
import { createBuckets } from '../../src/telemetry/buckets.ts'
import { CODES_MAX, createErrorCounts } from '../../src/telemetry/error-counts.ts'
import { counter, gauge, histogram, MS_IN_SECONDS } from '../../src/telemetry/family.ts'
import { createLastKnown } from '../../src/telemetry/last-known.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { linesOf, parseMetrics } from '../support/metrics.ts'

const HTTP = {
  endpoint: 'http://bidder.example/',
  timeoutMs: null,
  maxQps: null,
  maxInFlight: null,
  headers: {},
  gzip: false,
}

function catalogOf(ids: readonly string[], isOverHttp = true): Map<string, Bidder> {
  return new Map(ids.map((id) => [id, { id, country: 'US', ...(isOverHttp && { http: HTTP }) }]))
}

function namesOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`)
}

describe('createBuckets', () => {
  it('should count a value where it does not exceed the bound', () => {
    const buckets = createBuckets([1, 10])
    for (const value of [0, 1, 1.5, 10, 11, 1000]) buckets.add(value)
    expect([...buckets.counts]).toEqual([2, 2, 2])
    expect(buckets.sum()).toBe(1023.5)
  })
})

describe('createMetrics', () => {
  it('should write families as Prometheus reads them', async () => {
    const buckets = createBuckets([0.3, 5])
    for (const value of [0.2, 4, 40]) buckets.add(value)
    const { scrape } = createMetrics([
      counter('things_total', 'Things.', () => [
        [{ name: 'a "b"\n\\' }, 3],
        [{ name: 'unknown' }, undefined],
      ]),
      gauge('depth', 'A depth.', async () => 1.5),
      gauge('nothing', 'Of what is not there.', () => undefined),
      histogram('time_seconds', 'A time.', MS_IN_SECONDS, () => [[{ of: 'x' }, buckets]]),
    ])
    const text = await scrape()
    expect(text).toContain(
      '# HELP things_total Things.\n# TYPE things_total counter\nthings_total{name="a \\"b\\"\\n\\\\"} 3\n',
    )
    expect(text).not.toContain('unknown')
    expect(text).toContain('\ndepth 1.5\n')
    expect(linesOf(parseMetrics(text), 'time_seconds_bucket')).toEqual({
      'of="x",le="0.0003"': 1,
      'of="x",le="0.005"': 2,
      'of="x",le="+Inf"': 3,
    })
    expect(text).toContain('\ntime_seconds_count{of="x"} 3\n')
    expect(text).toMatch(/\ntime_seconds_sum\{of="x"\} 0\.0442\d*\n/)
  })

  it('should read once for all who ask at the same time', async () => {
    const read = vi.fn(() => 1)
    const { scrape } = createMetrics([gauge('depth', 'A depth.', read)])
    const [one, other] = await Promise.all([scrape(), scrape()])
    expect(one).toBe(other)
    expect(read).toHaveBeenCalledTimes(1)
    await scrape()
    expect(read).toHaveBeenCalledTimes(2)
  })
})

describe('createBidderCounts', () => {
  it('should count outcomes, and the latency of answers in time', () => {
    const counts = createBidderCounts((id) => catalogOf(['one']).get(id))
    counts.add(bidOf('one', 1_000_000, 12))
    counts.add(skipped('one', 'CIRCUIT_OPEN'))
    counts.add(timedOut('one'))
    counts.add({ ...timedOut('one'), latencyMs: 300 })
    const [[name, { outcomes, latencyMs }] = ['', undefined as never]] = [...counts.all()]
    expect(name).toBe('one')
    expect(Object.fromEntries(OUTCOMES.map((outcome, index) => [outcome, outcomes[index]]))).toEqual({
      WON: 0,
      LOST: 1,
      NO_BID: 0,
      TIMED_OUT: 2,
      ERROR: 0,
      SKIPPED: 1,
    })
    expect(latencyMs.sum()).toBe(12)
  })

  it('should tell 10,000 bidders under a bounded number of labels, and lose none of their answers', () => {
    const overHttp = namesOf('http-', 5_000)
    const simulated = namesOf('simulated-', 5_000)
    const catalog = new Map([...catalogOf(overHttp), ...catalogOf(simulated, false), ...catalogOf(['other'])])
    const counts = createBidderCounts((id) => catalog.get(id))
    for (const id of ['other', ...simulated, ...overHttp]) counts.add(bidOf(id, 1_000_000, 12))
    const all = [...counts.all()]
    expect(all).toHaveLength(NAMED_OVER_HTTP_MAX + NAMED_SIMULATED_MAX + 1)
    expect(new Set(all.map(([name]) => name)).size).toBe(all.length)
    expect(all.reduce((sum, [, { outcomes }]) => sum + (outcomes[1] ?? 0), 0)).toBe(10_001)
    expect(counts.isNamed('http-0')).toBe(true)
    expect(counts.isNamed('http-4999')).toBe(false)
  })

  it('should give the room of bidders that have left to others', () => {
    let catalog = catalogOf(namesOf('old-', NAMED_OVER_HTTP_MAX + 1))
    const counts = createBidderCounts((id) => catalog.get(id))
    for (const id of catalog.keys()) counts.add(bidOf(id, 1_000_000, 12))
    expect(counts.isNamed(`old-${NAMED_OVER_HTTP_MAX}`)).toBe(false)
    catalog = catalogOf([`old-${NAMED_OVER_HTTP_MAX}`, 'old-0', 'new'])
    counts.retain(catalog)
    for (const id of catalog.keys()) counts.add(bidOf(id, 1_000_000, 12))
    expect([...counts.all()].map(([name, { outcomes }]) => [name, outcomes[1]])).toEqual([
      ['old-0', 2],
      [`old-${NAMED_OVER_HTTP_MAX}`, 1],
      ['new', 1],
      ['other', 1],
    ])
  })
})

describe('createErrorCounts', () => {
  it('should count by code, and tell together what comes without one or beyond a number of codes', () => {
    const counts = createErrorCounts()
    const madeUp = namesOf('CODE_', 100).map((code) => new GraphQLError('made up', { extensions: { code } }))
    counts.add([badRequest('no'), operationUnknown(), new GraphQLError('without'), ...madeUp])
    const all = [...counts.all()]
    expect(all).toHaveLength(CODES_MAX)
    expect(all.reduce((sum, [, errors]) => sum + errors, 0)).toBe(103)
    const counted = Object.fromEntries(all)
    expect(counted).toMatchObject({ UNAUTHENTICATED: 0, FORBIDDEN: 0 })
    expect(counted).toMatchObject({ BAD_REQUEST: 1, OPERATION_RESOLUTION_FAILURE: 1, CODE_0: 1, RATE_LIMITED: 0 })
    expect(counted.other).toBeGreaterThan(50)
    expect(counted.CODE_99).toBeUndefined()
  })
})

describe('createLastKnown', () => {
  afterEach(() => void vi.useRealTimers())

  it('should be waited for once, however many ask while it does not answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const lastKnown = createLastKnown(() => new Promise<number>(() => {}), 200)
    const told: string[] = []
    const askTwice = async () => {
      for (const name of ['first', 'second']) {
        await lastKnown()
        told.push(name)
      }
    }
    void askTwice()
    await vi.advanceTimersByTimeAsync(199)
    expect(told).toEqual([])
    await vi.advanceTimersByTimeAsync(3)
    expect(told).toEqual(['first', 'second'])
  })

  it('should give what was known before where an answer is late or fails, and ask one at a time', async () => {
    let answer: (value: number) => void = () => {}
    const ask = vi.fn(() => new Promise<number>((resolve) => (answer = resolve)))
    const lastKnown = createLastKnown(ask, 5)
    expect(await lastKnown()).toBeUndefined()
    expect(await lastKnown()).toBeUndefined()
    expect(ask).toHaveBeenCalledTimes(1)
    answer(1)
    expect(await lastKnown()).toBe(1)
    ask.mockRejectedValueOnce(new Error('away'))
    expect(await lastKnown()).toBe(1)
    expect(await lastKnown()).toBe(1)
    answer(2)
    expect(await lastKnown()).toBe(2)
  })
})
