import { describe, expect, it } from 'vitest'
import { createAuctionIds } from '../../src/auction/auction-id.ts'
import { createAuctioneer } from '../../src/auction/auctioneer.ts'
import type { AuctionRequest, AuctionResult } from '../../src/auction/types.ts'
import { buildSnapshot } from '../../src/catalog/snapshot.ts'
import { isIdempotencyKey } from '../../src/sold-once/key.ts'
import { createMemoryAnswers } from '../../src/sold-once/memory.ts'
import { createSoldOnce } from '../../src/sold-once/sold-once.ts'
import { type AnswerStore, KEPT_MS, type KeyedSale } from '../../src/sold-once/types.ts'

const REQUEST: AuctionRequest = { supplyId: 'supply1', ip: '203.0.113.7', country: 'US', tmaxMs: 200 }
const SNAPSHOT = buildSnapshot({
  revision: 1n,
  bidders: [{ id: 'a', country: 'US' }],
  supplies: [
    ['supply1', ['a']],
    ['supply2', ['a']],
  ],
})

/** An auctioneer whose auctions end when the test says so; `sold` counts them. */
function soldOnce({
  answers = createMemoryAnswers(),
  run,
}: {
  readonly answers?: AnswerStore
  readonly run?: (request: AuctionRequest) => AuctionResult | Promise<AuctionResult>
} = {}) {
  let sold = 0
  const held = (request: AuctionRequest): AuctionResult => {
    sold++
    const { supplyId, country, tmaxMs } = request
    const id = `auction${sold}`
    return {
      type: 'HELD',
      isLimitedLocally: false,
      auction: {
        id,
        supplyId,
        country,
        tmaxMs,
        responses: [],
        auctionType: 'FIRST_PRICE',
        floorMicros: 0,
        winner: null,
        priceMicros: 0,
        startedAtMs: 1,
        durationMs: 0,
      },
    }
  }
  const created = createSoldOnce({ auctioneer: { run: run ?? held }, catalog: { current: () => SNAPSHOT }, answers })
  return { ...created, held, sold: () => sold }
}

const idOf = (result: object) => JSON.stringify(result).match(/auction\d+/)?.[0]

describe('createSoldOnce', () => {
  it('should sell once, and tell the first answer again', async () => {
    const { run, sold, waiting } = soldOnce()
    const first = await run(REQUEST, 'k')
    expect(first).toMatchObject({ type: 'HELD' })
    expect(await run(REQUEST, 'k')).toEqual({ type: 'REPLAYED', result: first })
    expect([sold(), waiting()]).toEqual([1, 0])
  })

  it('should take another supply, and another key, for another sale, whatever is in them', async () => {
    const { run, sold } = soldOnce()
    await run(REQUEST, 'k')
    expect(await run({ ...REQUEST, supplyId: 'supply2' }, 'k')).toMatchObject({ type: 'HELD' })
    expect(await run(REQUEST, '"k"')).toMatchObject({ type: 'HELD' })
    expect(sold()).toBe(3)
  })

  it.each([{ ip: '203.0.113.8' }, { country: 'GB' }, { tmaxMs: 201 }])(
    'should refuse a key that was given for another request: %j',
    async (other) => {
      const { run, sold } = soldOnce()
      await run(REQUEST, 'k')
      expect(await run({ ...REQUEST, ...other }, 'k')).toEqual({ type: 'KEY_REUSED' })
      expect(sold()).toBe(1)
    },
  )

  it('should have who asks at the same time wait for the one answer, each in flight', async () => {
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const { run, held, sold, waiting } = soldOnce({ run: (request) => ended.then(() => held(request)) })
    const asked = Array.from({ length: 10 }, () => run(REQUEST, 'k'))
    expect(await run({ ...REQUEST, tmaxMs: 1 }, 'k')).toEqual({ type: 'KEY_REUSED' })
    // The first is with the auctioneer.
    await expect.poll(waiting).toBe(9)
    end()
    const results = await Promise.all(asked)
    expect(results.map(idOf)).toEqual(Array(10).fill('auction1'))
    expect(results.map(({ type }) => type)).toEqual(['HELD', ...Array(9).fill('REPLAYED')])
    expect([sold(), waiting()]).toEqual([1, 0])
  })

  it('should keep no refusal: who asks again tries again', async () => {
    const limited: AuctionResult = { type: 'RATE_LIMITED', retryAfterMs: 5, isLimitedLocally: false }
    let refusals = 2
    const { run, held, sold } = soldOnce({ run: (request) => (refusals-- > 0 ? limited : held(request)) })
    expect(await Promise.all([run(REQUEST, 'k'), run(REQUEST, 'k')])).toEqual([limited, limited])
    expect(await run(REQUEST, 'k')).toEqual(limited)
    expect(await run(REQUEST, 'k')).toMatchObject({ type: 'HELD' })
    expect(await run(REQUEST, 'k')).toMatchObject({ type: 'REPLAYED' })
    expect(sold()).toBe(1)
  })

  it('should keep no error, and give its claim up', async () => {
    let isBroken = true
    const { answers, released } = watched()
    const { run, held, waiting } = soldOnce({
      answers,
      run: (request) => (isBroken ? Promise.reject(new Error('broken')) : held(request)),
    })
    await expect(Promise.all([run(REQUEST, 'k'), run(REQUEST, 'k')])).rejects.toThrow('broken')
    expect(released).toEqual(['["supply1","k"]'])
    isBroken = false
    expect(await run(REQUEST, 'k')).toMatchObject({ type: 'HELD' })
    expect(waiting()).toBe(0)
  })

  it('should ask the store nothing about a supply that does not exist', async () => {
    const { answers, claimed } = watched()
    const { run, sold } = soldOnce({ answers })
    const nowhere = { ...REQUEST, supplyId: 'nowhere' }
    expect(await run(nowhere, 'k')).toEqual({ type: 'SUPPLY_NOT_FOUND', supplyId: 'nowhere' })
    expect([claimed, sold()]).toEqual([[], 0])
  })

  it('should answer after the answer is kept, and with the one that was kept first', async () => {
    let keep = (_answer: string) => {}
    const kept = new Promise<string>((resolve) => {
      keep = resolve
    })
    const { run, waiting } = soldOnce({ answers: { ...createMemoryAnswers(), keep: () => kept } })
    let isAnswered = false
    const asked = run(REQUEST, 'k').finally(() => {
      isAnswered = true
    })
    await expect.poll(waiting).toBe(1)
    expect(isAnswered).toBe(false)
    keep('["other",1,0,0,[["a","WON",70000,3]]]')
    expect(await asked).toMatchObject({
      type: 'REPLAYED',
      result: { auction: { id: 'other', winner: { id: 'a', country: 'US' } } },
    })
  })

  it('should sell nothing where the store cannot tell', async () => {
    const unavailable = { type: 'UNAVAILABLE', retryAfterMs: 9 } as const
    const { run, sold } = soldOnce({ answers: { ...createMemoryAnswers(), claim: () => unavailable } })
    expect(await run(REQUEST, 'k')).toEqual(unavailable)
    expect(sold()).toBe(0)
  })

  it('should limit and record once, with the auctioneer that there is', async () => {
    let [taken, recorded] = [0, 0]
    const auctioneer = createAuctioneer({
      catalog: { current: () => SNAPSHOT },
      rateLimiter: {
        take: () => {
          taken++
          return { isAllowed: true, isLocal: false }
        },
      },
      recorder: { record: () => void recorded++ },
      bidderClient: { bid: ({ id }) => ({ bidderId: id, outcome: 'LOST', priceMicros: 230_000, latencyMs: 0 }) },
      clock: { now: () => 1_700_000_000_000, monotonic: () => performance.now() },
      newAuctionId: createAuctionIds(),
      seed: 1,
    })
    const answers = createMemoryAnswers()
    const { run } = createSoldOnce({ auctioneer, catalog: { current: () => SNAPSHOT }, answers })
    const [first, ...again] = await Promise.all([run(REQUEST, 'k'), run(REQUEST, 'k'), run(REQUEST, 'k')])
    expect(first).toMatchObject({ type: 'HELD', auction: { winner: { id: 'a' }, priceMicros: 230_000 } })
    for (const replayed of [...again, await run(REQUEST, 'k')]) {
      expect(replayed).toEqual({ type: 'REPLAYED', result: first })
    }
    expect([taken, recorded]).toEqual([1, 1])
    // Nobody eligible is an answer as well.
    const elsewhere = { ...REQUEST, country: 'FR' }
    const none = await run(elsewhere, 'fr')
    expect(none).toMatchObject({ type: 'NO_ELIGIBLE_BIDDERS' })
    expect(await run(elsewhere, 'fr')).toEqual({ type: 'REPLAYED', result: none })
    expect([taken, recorded]).toEqual([2, 2])
  })
})

/** A store in memory that says what it was asked. */
function watched() {
  const memory = createMemoryAnswers()
  const claimed: string[] = []
  const released: string[] = []
  const answers: AnswerStore = {
    ...memory,
    claim: (sale) => {
      claimed.push(sale.name)
      return memory.claim(sale)
    },
    release: ({ name }) => void released.push(name),
  }
  return { answers, claimed, released }
}

describe('createMemoryAnswers', () => {
  const sale = (name: string): KeyedSale => ({ name, request: 'US 200 203.0.113.7', leaseMs: 1000 })

  it('should keep an answer for ten minutes, and then nothing of it', async () => {
    let now = 5
    const answers = createMemoryAnswers({ now: () => now })
    expect(await answers.keep(sale('a'), '[1]')).toBe('[1]')
    now += KEPT_MS - 1
    expect(await answers.claim(sale('a'))).toEqual({ type: 'ANSWERED', answer: '[1]' })
    expect(KEPT_MS).toBe(600_000)
    now += 1
    expect(await answers.claim(sale('a'))).toEqual({ type: 'CLAIMED' })
    expect(answers.size()).toBe(0)
  })

  it('should forget the oldest beyond its bound, and count what expired as room', async () => {
    let now = 0
    const text = `[${'1'.repeat(1000)}]`
    const answers = createMemoryAnswers({ now: () => now, bytesMax: 10 * 2300 })
    for (let index = 0; index < 100; index++) await answers.keep(sale(`s${index}`), text)
    expect(answers.size()).toBe(10)
    expect(await answers.claim(sale('s89'))).toEqual({ type: 'CLAIMED' })
    expect(await answers.claim(sale('s90'))).toEqual({ type: 'ANSWERED', answer: text })
    now += KEPT_MS
    for (let index = 0; index < 5; index++) await answers.keep(sale(`t${index}`), text)
    await answers.claim(sale('t0'))
    expect(answers.size()).toBe(5)
    for (let index = 5; index < 10; index++) await answers.keep(sale(`t${index}`), text)
    expect(answers.size()).toBe(10)
  })
})

describe('an idempotency key', () => {
  it.each(['k', ' ', 'k'.repeat(64), '😀'.repeat(64), 'ключ', '{}', '__proto__'])('should be allowed as %j', (key) => {
    expect(isIdempotencyKey(key)).toBe(true)
  })
  it.each(['', 'k'.repeat(65), '😀'.repeat(65), '\u0000', 'a\n', '\u007f', '\u0085', '\ud83d', '\ude00k'])(
    'should be refused as %j',
    (key) => {
      expect(isIdempotencyKey(key)).toBe(false)
    },
  )
})
