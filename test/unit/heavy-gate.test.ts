import { OperationTypeNode } from 'graphql'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { GraphQLContext } from '../../src/graphql/context.ts'
import type { Ticket } from '../../src/server/admission.ts'
import { createHeavyGate } from '../../src/server/heavy-gate.ts'

const CONTEXT = {} as GraphQLContext
const HEAVY = { type: OperationTypeNode.QUERY, cost: { values: 50_000, rows: 1000, returnsTo: undefined } }
const LIGHT = { type: OperationTypeNode.QUERY, cost: { values: 50, rows: 20, returnsTo: undefined } }

/** A gate with two slots, both taken. */
function fullGate() {
  const gate = createHeavyGate({ slots: 2, maxWaiting: 2, maxWaitMs: 1000 })
  const leave = [gate(CONTEXT, HEAVY), gate(CONTEXT, HEAVY)] as NonNullable<Ticket>[]
  return { gate, leave }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('the gate of heavy operations', () => {
  it('should let everything else pass, whatever runs', () => {
    const { gate } = fullGate()
    expect(gate(CONTEXT, LIGHT)).toBeUndefined()
    expect(gate(CONTEXT, { ...LIGHT, type: OperationTypeNode.MUTATION })).toBeUndefined()
    expect(gate(CONTEXT, { ...HEAVY, type: OperationTypeNode.SUBSCRIPTION })).toBeUndefined()
  })

  it('should let those that wait begin in their order, each when one has ended', async () => {
    const { gate, leave } = fullGate()
    const begun: string[] = []
    const first = Promise.resolve(gate(CONTEXT, HEAVY)).then((ticket) => {
      begun.push('first')
      return ticket
    })
    const second = Promise.resolve(gate(CONTEXT, HEAVY)).then((ticket) => {
      begun.push('second')
      return ticket
    })
    leave[0]?.()
    const next = await first
    expect(begun).toEqual(['first'])
    next?.()
    leave[1]?.()
    ;(await second)?.()
    expect(begun).toEqual(['first', 'second'])
    // All slots are free again.
    expect([gate(CONTEXT, HEAVY), gate(CONTEXT, HEAVY)]).toEqual([expect.any(Function), expect.any(Function)])
    expect(gate(CONTEXT, HEAVY)).toBeInstanceOf(Promise)
  })

  it('should refuse where too many wait', () => {
    const { gate } = fullGate()
    for (let count = 0; count < 2; count++) void Promise.resolve(gate(CONTEXT, HEAVY)).catch(() => {})
    expect(() => gate(CONTEXT, HEAVY)).toThrow(
      expect.objectContaining({
        extensions: { code: 'OVERLOADED', retryAfterMs: 1000, http: { status: 503, headers: { 'Retry-After': '1' } } },
      }),
    )
  })

  it('should refuse who has waited too long, and give its place to the next', async () => {
    vi.useFakeTimers()
    const { gate, leave } = fullGate()
    const late = Promise.resolve(gate(CONTEXT, HEAVY))
    const refused = expect(late).rejects.toMatchObject({ extensions: { code: 'OVERLOADED' } })
    await vi.advanceTimersByTimeAsync(500)
    const next = Promise.resolve(gate(CONTEXT, HEAVY))
    await vi.advanceTimersByTimeAsync(500)
    await refused
    leave[0]?.()
    expect(await next).toBeTypeOf('function')
  })
})
