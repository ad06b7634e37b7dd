import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { createMemoryAnswers } from '../../src/sold-once/memory.ts'
import { CALL_DEADLINE_MS, createRedisAnswers, RETRY_AFTER_MS, WAIT_MARGIN_MS } from '../../src/sold-once/redis.ts'
import { type AnswerStore, KEPT_MS } from '../../src/sold-once/types.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { hasRedis } from '../support/services.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { timed } from '../support/timed.ts'
import { describeAnswerStore, newSale } from './answers-contract.ts'

describe('createMemoryAnswers', () => {
  describeAnswerStore(async () => createMemoryAnswers())
})

describe.runIf(hasRedis)('createRedisAnswers', () => {
  let redis: RedisServer
  const opened: { dispose(): Promise<void> }[] = []
  let doubts: string[] = []

  /** A process's store. */
  async function open(port = redis.port): Promise<{ answers: AnswerStore; connection: RedisConnection }> {
    const connection = createRedis({ url: `redis://127.0.0.1:${port}`, name: 'test' })
    const answers = createRedisAnswers({ connection, onDoubt: (message) => doubts.push(message) })
    opened.unshift(answers, connection)
    expect(await connection.whenUp(5_000)).toBe(true)
    return { answers, connection }
  }
  const openAnswers = async () => (await open()).answers
  const keyOf = ({ name }: { readonly name: string }) => `sold-once:${name}`

  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.dispose()
    await redis.command('flushall')
    doubts = []
  })
  afterAll(() => redis.dispose())

  describeAnswerStore(openAnswers)

  it('should give one of many processes the claim, and all the one answer', async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, openAnswers))
    const sale = newSale()
    const results = await Promise.all(
      stores.map(async (answers, index) => {
        const claim = await answers.claim(sale)
        return claim.type === 'CLAIMED' ? answers.keep(sale, `[${index}]`) : claim
      }),
    )
    const kept = results.filter((result) => typeof result === 'string')
    expect(kept).toHaveLength(1)
    expect(results.filter((result) => typeof result !== 'string')).toEqual(
      Array(3).fill({ type: 'ANSWERED', answer: kept[0] }),
    )
    expect(doubts).toEqual([])
  })

  it('should refuse another request of a name that is being sold elsewhere, at once', async () => {
    const [one, other] = [await openAnswers(), await openAnswers()]
    const sale = newSale({ leaseMs: 60_000 })
    await one.claim(sale)
    expect(await other.claim({ ...sale, request: 'GB 1 ::1' })).toEqual({ type: 'KEY_REUSED' })
  })

  it('should let the next have a claim that was given up, and that one alone', async () => {
    const [one, other] = [await openAnswers(), await openAnswers()]
    const sale = newSale({ leaseMs: 60_000 })
    await one.claim(sale)
    const waiting = other.claim(sale)
    // Not its own: nothing is given up.
    other.release(sale)
    expect(await redis.command('exists', keyOf(sale))).toBe(1)
    one.release(sale)
    expect(await waiting).toEqual({ type: 'CLAIMED' })
    one.release(sale)
    expect(await other.keep(sale, '[2]')).toBe('[2]')
    expect(await one.claim(sale)).toEqual({ type: 'ANSWERED', answer: '[2]' })
  })

  it('should take over the claim of a process that gives no answer in time, and say so', async () => {
    const [dead, other] = [await openAnswers(), await openAnswers()]
    const sale = newSale({ leaseMs: 300 })
    await dead.claim(sale)
    const claimedAt = performance.now()
    expect(await other.claim(sale)).toEqual({ type: 'CLAIMED' })
    expect(performance.now() - claimedAt).toBeGreaterThanOrEqual(250)
    expect(doubts).toEqual([expect.stringContaining(`The sale ${sale.name} was claimed by an instance that gave no`)])
  })

  it('should tell everyone the answer that was kept first, where a claim was taken over from the living', async () => {
    const [slow, other, third] = [await openAnswers(), await openAnswers(), await openAnswers()]
    const sale = newSale({ leaseMs: 50 })
    await slow.claim(sale)
    expect(await other.claim(sale)).toEqual({ type: 'CLAIMED' })
    expect(await slow.keep(sale, '["slow"]')).toBe('["slow"]')
    expect(doubts).toHaveLength(1)
    expect(await other.keep(sale, '["other"]')).toBe('["slow"]')
    expect(doubts).toEqual([expect.anything(), expect.stringContaining('was made twice')])
    expect(await third.claim(sale)).toEqual({ type: 'ANSWERED', answer: '["slow"]' })
  })

  it('should wait no longer than a claim may last', async () => {
    const answers = await openAnswers()
    const sale = newSale({ leaseMs: 200 })
    // A claim that does not end, as it was made before the clock of Redis was set back.
    await redis.command('set', keyOf(sale), `${sale.request}\nsomebody`, 'px', `${KEPT_MS + 60_000}`)
    const { ownMs } = await timed(async () =>
      expect(await answers.claim(sale)).toEqual({ type: 'UNAVAILABLE', retryAfterMs: RETRY_AFTER_MS }),
    )
    expect(ownMs).toBeLessThan(200 + WAIT_MARGIN_MS + CALL_DEADLINE_MS)
  })

  it('should keep one key a sale, for ten minutes from its claim', async () => {
    const answers = await openAnswers()
    const sale = newSale()
    await answers.claim(sale)
    await redis.command('pexpire', keyOf(sale), '500000')
    await answers.keep(sale, '[1]')
    expect(await redis.command('keys', '*')).toEqual([keyOf(sale)])
    expect(Number(await redis.command('pttl', keyOf(sale)))).toBeLessThanOrEqual(500_000)
    const another = newSale()
    await answers.claim(another)
    const ttl = Number(await redis.command('pttl', keyOf(another)))
    expect(ttl).toBeGreaterThan(KEPT_MS - 5_000)
    expect(ttl).toBeLessThanOrEqual(KEPT_MS)
    await redis.command('pexpire', keyOf(sale), '1')
    await vi.waitFor(async () => expect(await redis.command('exists', keyOf(sale))).toBe(0))
    expect(await answers.claim(sale)).toEqual({ type: 'CLAIMED' })
  })

  it('should leave alone what another request has come to have, where Redis had lost the claim', async () => {
    const [one, other] = [await openAnswers(), await openAnswers()]
    const sale = newSale()
    const another = { ...sale, request: 'GB 1 ::1' }
    await one.claim(sale)
    await redis.command('flushall')
    expect(await other.claim(another)).toEqual({ type: 'CLAIMED' })
    expect(await one.keep(sale, '[1]')).toBe('[1]')
    expect(await other.keep(another, '[2]')).toBe('[2]')
    expect(await one.claim(another)).toEqual({ type: 'ANSWERED', answer: '[2]' })
  })

  it('should keep the answer of a claim that Redis has lost', async () => {
    const [one, other] = [await openAnswers(), await openAnswers()]
    const sale = newSale()
    await one.claim(sale)
    await redis.command('flushall')
    await one.keep(sale, '[1]')
    expect(await other.claim(sale)).toEqual({ type: 'ANSWERED', answer: '[1]' })
    expect(Number(await redis.command('pttl', keyOf(sale)))).toBeGreaterThan(KEPT_MS - 5_000)
  })

  it('should not be able to tell where Redis refuses the call', async () => {
    const answers = await openAnswers()
    const sale = newSale()
    await redis.command('rpush', keyOf(sale), 'no text')
    expect(await answers.claim(sale)).toEqual({ type: 'UNAVAILABLE', retryAfterMs: RETRY_AFTER_MS })
    await redis.command('del', keyOf(sale))
    expect(await answers.claim(sale)).toEqual({ type: 'CLAIMED' })
  })

  describe('where the connection breaks', () => {
    let proxy: TcpProxy
    beforeAll(async () => {
      proxy = await startTcpProxy(redis.port)
    })
    afterAll(() => proxy.dispose())

    it('should claim nothing while Redis is away, at once', async () => {
      const { answers, connection } = await open(proxy.port)
      proxy.close()
      await vi.waitFor(() => expect(connection.state()).toBe('down'))
      const { ownMs } = await timed(async () =>
        expect(await answers.claim(newSale())).toEqual({ type: 'UNAVAILABLE', retryAfterMs: RETRY_AFTER_MS }),
      )
      expect(ownMs).toBeLessThan(CALL_DEADLINE_MS)
      proxy.open()
    })

    it('should remember an answer that it cannot keep, and keep it when Redis is back', async () => {
      const { answers, connection } = await open(proxy.port)
      const other = await openAnswers()
      const sale = newSale({ leaseMs: 60_000 })
      await answers.claim(sale)
      proxy.close()
      await vi.waitFor(() => expect(connection.state()).toBe('down'))
      expect(await answers.keep(sale, '[1]')).toBe('[1]')
      expect(await answers.claim(sale)).toEqual({ type: 'ANSWERED', answer: '[1]' })
      expect(await answers.claim({ ...sale, request: 'GB 1 ::1' })).toEqual({ type: 'KEY_REUSED' })
      const waiting = other.claim(sale)
      proxy.open()
      expect(await waiting).toEqual({ type: 'ANSWERED', answer: '[1]' })
      expect(await answers.claim(sale)).toEqual({ type: 'ANSWERED', answer: '[1]' })
      expect(doubts).toEqual([])
    })

    it('should claim and keep once though the answer to a call is lost', async () => {
      const { answers, connection } = await open(proxy.port)
      const other = await openAnswers()
      const sale = newSale({ leaseMs: 60_000 })
      const again = newSale({ leaseMs: 60_000 })
      // Known to Redis from here on, so that the call has the name of the sale in it.
      await answers.keep(newSale(), '[]')
      await answers.claim(again)

      const claimCut = proxy.cutBeforeAnswer(sale.request)
      expect(await answers.claim(sale)).toMatchObject({ type: 'UNAVAILABLE' })
      await claimCut
      expect(String(await redis.command('get', keyOf(sale)))).toContain(sale.request)
      await connection.whenUp(5_000)
      // Its own claim, of which it had not heard.
      expect(await answers.claim(sale)).toEqual({ type: 'CLAIMED' })

      const keepCut = proxy.cutBeforeAnswer('[7]')
      expect(await answers.keep(sale, '[7]')).toBe('[7]')
      await keepCut
      expect(await other.claim(sale)).toEqual({ type: 'ANSWERED', answer: '[7]' })
      await connection.whenUp(5_000)
      expect(await answers.claim(sale)).toEqual({ type: 'ANSWERED', answer: '[7]' })
      expect(doubts).toEqual([])
    })
  })

  it('should wait no longer than its deadline for a slow Redis, and keep the answer when it is quick again', async () => {
    const answers = await openAnswers()
    const sale = newSale({ leaseMs: 60_000 })
    await answers.claim(sale)
    process.kill(redis.pid(), 'SIGSTOP')
    try {
      const { ms, ownMs } = await timed(async () => {
        const [claim, kept] = await Promise.all([answers.claim(newSale()), answers.keep(sale, '[1]')])
        expect(claim).toMatchObject({ type: 'UNAVAILABLE' })
        expect(kept).toBe('[1]')
      })
      expect(ms).toBeGreaterThanOrEqual(CALL_DEADLINE_MS - 1)
      expect(ownMs).toBeLessThan(CALL_DEADLINE_MS + 400)
    } finally {
      process.kill(redis.pid(), 'SIGCONT')
    }
    const other = await openAnswers()
    expect(await other.claim(sale)).toEqual({ type: 'ANSWERED', answer: '[1]' })
  })
})
