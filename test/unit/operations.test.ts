import { parse } from 'graphql'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { compileExecution } from '../../src/graphql/compiled.ts'
import { createOperations } from '../../src/graphql/operations.ts'
import { createSchema } from '../../src/graphql/schema/index.ts'

vi.mock(import('../../src/graphql/compiled.ts'), { spy: true })

const operations = createOperations({ schema: createSchema(), onUnexpected: () => {} })
const prepare = (text: string) => operations.prepare(parse(text), undefined)
beforeEach(() => {
  vi.mocked(compileExecution).mockClear()
})

describe('an operation', () => {
  it('should be compiled once, and found by its text', () => {
    const text = '{ supply(id: "s") { id } }'
    expect(operations.find(text, undefined)).toBeUndefined()
    const operation = prepare(text)
    expect(operation?.type).toBe('query')
    expect(prepare(text)).toBe(operation)
    expect(operations.find(text, null)).toBe(operation)
    expect(compileExecution).toHaveBeenCalledTimes(1)
  })

  it('should not be compiled where it is heavy, which would keep the event loop', async () => {
    const operation = prepare('{ supplies(first: 100) { nodes { id bidders(first: 100) { nodes { id country } } } } }')
    await operation?.run({ services: {} } as Parameters<typeof operation.run>[0], {})
    expect(operation?.cost.rows).toBeGreaterThan(100)
    expect(compileExecution).not.toHaveBeenCalled()
  })
})
