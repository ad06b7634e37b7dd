import { expect, it } from 'vitest'
import type { AnswerStore, KeyedSale } from '../../src/sold-once/types.ts'

/** A sale of a name of its own, unless one is given. */
export function newSale({ name = `["supply1","${++names}"]`, leaseMs = 1_000, ...more }: Partial<KeyedSale> = {}) {
  return { name, request: 'US 200 203.0.113.7', leaseMs, ...more }
}

let names = 0

/**
 * What every store of answers does. Call it within a `describe`.
 * @param create makes a store, which whoever gives it closes
 */
export function describeAnswerStore(create: () => Promise<AnswerStore>): void {
  it('should let a sale be claimed, and then tell its answer to each who asks', async () => {
    const answers = await create()
    const sale = newSale()
    expect(await answers.claim(sale)).toEqual({ type: 'CLAIMED' })
    const answer = '["id",1,2.5,3,[["bolt \\u0000 é 😀","WON",3,0.25]]]'
    expect(await answers.keep(sale, answer)).toBe(answer)
    for (let round = 0; round < 3; round++) {
      expect(await answers.claim(sale)).toEqual({ type: 'ANSWERED', answer })
    }
    expect(await answers.claim(newSale())).toEqual({ type: 'CLAIMED' })
  })

  it('should refuse another request of the name', async () => {
    const answers = await create()
    const sale = newSale()
    await answers.claim(sale)
    await answers.keep(sale, '[]')
    expect(await answers.claim({ ...sale, request: 'US 201 203.0.113.7' })).toEqual({ type: 'KEY_REUSED' })
    expect(await answers.claim({ ...sale, request: 'US 200 203.0.113.' })).toEqual({ type: 'KEY_REUSED' })
  })

  it('should let a sale be claimed again that was given up', async () => {
    const answers = await create()
    const sale = newSale()
    await answers.claim(sale)
    answers.release(sale)
    expect(await answers.claim(sale)).toEqual({ type: 'CLAIMED' })
    // Also for another request.
    answers.release(sale)
    expect(await answers.claim({ ...sale, request: 'GB 1 ::1' })).toEqual({ type: 'CLAIMED' })
  })
}
