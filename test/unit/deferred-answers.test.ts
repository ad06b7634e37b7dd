import { describe, expect, it } from 'vitest'
import { createDeferredAnswers, DEFERRED_CHARACTERS_MAX, DEFERRED_MAX } from '../../src/sold-once/deferred.ts'

const saleOf = (name: string) => ({ name, request: 'US 200 203.0.113.7', leaseMs: 1000 })
const open = () => createDeferredAnswers({ send: async () => true, isAway: () => true, now: () => 0 })

describe('createDeferredAnswers', () => {
  it('should forget the oldest beyond so many', () => {
    const deferred = open()
    for (let index = 0; index <= DEFERRED_MAX; index++) deferred.add(saleOf(`${index}`), '[]')
    expect([deferred.find('0'), deferred.find('1')?.answer]).toEqual([undefined, '[]'])
    deferred.dispose()
  })

  it('should forget the oldest where what winners show takes too much room, and count an answer once', () => {
    const deferred = open()
    const answer = '['.repeat(DEFERRED_CHARACTERS_MAX / 4)
    for (const name of ['a', 'b', 'b', 'b', 'c', 'd']) deferred.add(saleOf(name), answer)
    const kept = () => [...'abcde'].filter((name) => deferred.find(name) !== undefined).join('')
    expect(kept()).toBe('abcd')
    deferred.add(saleOf('e'), answer)
    expect(kept()).toBe('bcde')
    deferred.dispose()
  })
})
